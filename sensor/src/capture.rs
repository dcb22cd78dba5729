//! Where frames come from, and where they can be put aside.
//!
//! [`live`] listens on interfaces and [`replay`] reads capture files: both hand out
//! [`Run`](crate::frame::Run)s of frames. [`record`] writes frames to a capture file. None of them
//! looks into a frame.

#[cfg(feature = "capture")]
pub mod live;
pub mod record;
pub mod replay;
