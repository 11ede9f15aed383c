//! The room `kernel`.
