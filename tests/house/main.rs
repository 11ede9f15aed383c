//! What holds for the whole source, and would otherwise hold only as long as everybody remembers it.

mod circles;
mod licences;
mod manners;
mod rooms;
mod source;
