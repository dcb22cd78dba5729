//! Where frames come from, and where they can be put aside.
//!
//! [`replay`] reads capture files and hands out [`Run`](crate::frame::Run)s of frames; [`record`]
//! writes frames to a capture file. Neither looks into a frame.

pub mod record;
pub mod replay;
