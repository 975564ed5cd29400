//! Scripts, and what they must not be able to do.

mod attacks;
mod body;
mod errors;
mod quest;
mod same;
mod uses;
