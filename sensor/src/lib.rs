//! phonehome: a passive sensor that names the hosts which contact flagged vendors.
//!
//! The modules, in the order in which data takes them:
//!
//! | module | what comes in | what goes out |
//! |---|---|---|
//! | [`capture`] | interfaces, capture files | runs of frames ([`frame::Run`]) |
//! | [`decode`] | frames | packets, with the innermost addresses |
//! | [`triage`] | packets | those that can matter; exact counts of the others |
//! | [`intake`], [`batch`] | runs of frames | batches of packets, one open for each worker |
//! | [`flow`] | packets | flows and the ordered first octets of each direction |
//! | [`names`] | first octets | names: DNS, TLS, QUIC, HTTP |
//! | [`identity`] | discovery datagrams | which device has an address, and what it is called |
//! | [`discovery`] | packets of vendors' local protocols | devices, with model and serial number |
//! | [`worker`] | batches | notices ([`detection`]) and counts ([`visibility`]) |
//! | [`ech`] | hellos, HTTPS answers | which hellos hide their real name |
//! | [`pipeline`] | a source of frames | notices of all workers, in one order |
//! | [`resolved`], [`findings`] | notices | findings: host, vendor, verdict, grounds |
//! | [`inventory`] | findings | the view of them that other threads read |
//! | [`store`] | findings | what the next run goes on with |
//! | [`export`] | findings and counts | table, JSON, events, metrics, web pages |
//! | [`config`] | file, environment, flags | what the sensor is to do |
//! | [`log`] | events | lines on standard error |
//! | [`app`], [`cli`] | the command line | the program |
//!
//! [`time`], [`host`], [`reader`] and [`recent`] are used by all, [`wall`] by what is not pure. Everything up to
//! `ech`, and `resolved` and `findings`, is pure: values in, values out, no clock, no file, no thread. `ARCHITECTURE.md` says
//! what holds everywhere.

pub mod app;
pub mod batch;
pub mod capture;
pub mod cli;
pub mod config;
pub mod decode;
pub mod detection;
pub mod discovery;
pub mod ech;
pub mod evidence;
pub mod export;
pub mod findings;
pub mod flow;
pub mod frame;
pub mod host;
pub mod identity;
pub mod intake;
pub mod inventory;
pub mod log;
pub mod names;
pub mod pipeline;
mod prefetch;
pub mod reader;
pub mod recent;
pub mod resolved;
pub mod store;
pub mod time;
pub mod triage;
pub mod visibility;
pub mod wall;
pub mod worker;
