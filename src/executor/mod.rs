//! The room `executor`.
