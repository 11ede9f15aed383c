//! The room `vm`.
