//! The short walk for the headers that nearly every frame has.
