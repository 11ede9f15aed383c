//! The room `compile`.
