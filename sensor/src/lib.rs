//! phonehome: a passive sensor that names the hosts which contact flagged vendors.

pub mod capture;
pub mod decode;
pub mod detection;
pub mod export;
pub mod findings;
pub mod frame;
pub mod host;
pub mod names;
pub mod reader;
pub mod time;
pub mod visibility;
