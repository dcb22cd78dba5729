//! phonehome: a passive sensor that names the hosts which contact flagged vendors.

pub mod app;
pub mod batch;
pub mod capture;
pub mod cli;
pub mod decode;
pub mod detection;
pub mod export;
pub mod findings;
pub mod flow;
pub mod frame;
pub mod host;
pub mod intake;
pub mod inventory;
pub mod names;
pub mod pipeline;
mod prefetch;
pub mod reader;
pub mod resolved;
pub mod time;
pub mod triage;
pub mod visibility;
pub mod worker;
