//! The room `picture`.
