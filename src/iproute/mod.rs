//! The room `iproute`.
