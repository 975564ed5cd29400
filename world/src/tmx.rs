//! tmx
