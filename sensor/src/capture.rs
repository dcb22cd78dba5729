//! Where frames come from, and where they can be put aside.
//!
//! [`live`] listens on interfaces as [`settings`] say, and [`replay`] reads capture files: both hand
//! out [`Run`](crate::frame::Run)s of frames. [`record`] writes frames to a capture file. None of
//! them looks into a frame; what the kernel is told to look at stands in `live`.

#[cfg(feature = "capture")]
pub mod live;
pub mod record;
pub mod replay;
#[cfg(feature = "capture")]
pub(crate) mod samples;
pub mod settings;
