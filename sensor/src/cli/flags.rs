//! The flags of `phonehome run`, made from the table of keys.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::Failure;
use crate::config::{Effective, KEYS, Layers, Plural};

/// What was said on the command line about the configuration.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    file: Option<PathBuf>,
    given: Vec<(&'static str, Vec<String>)>,
}

impl Flags {
    /// The file, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// All layers; the environment is that of the process.
    pub(super) fn layers(&self) -> Layers {
        Layers {
            file: self.file.clone(),
            environment: Layers::process_environment(),
            flags: self.given.clone(),
        }
    }

    /// The configuration that file, environment and flags make.
    pub(super) fn load(&self) -> Result<Effective, Failure> {
        self.layers().load().map_err(Failure::usage)
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Read settings from this file; flags and environment variables go before it");
        KEYS.iter().fold(command.arg(file), |command, key| {
            let arg = Arg::new(key.name).long(key.flag()).help(key_help(key));
            let arg = match (key.switch(), key.plural()) {
                (Some(_), _) => arg.action(ArgAction::SetTrue),
                (None, Plural::One) => arg.value_name(key.takes),
                (None, Plural::Commas) => arg.value_name(key.takes).action(ArgAction::Append),
                (None, Plural::Repeated) => arg
                    .value_name(key.takes)
                    .action(ArgAction::Append)
                    .num_args(1..),
            };
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = KEYS.iter().filter_map(|key| {
            let texts = match key.switch() {
                Some(default) => {
                    let is_given = matches.get_flag(key.name);
                    is_given.then(|| vec![(!default).to_string()])?
                }
                None => matches.get_many::<String>(key.name)?.cloned().collect(),
            };
            Some((key.name, texts))
        });
        Ok(Self {
            file: matches.get_one::<PathBuf>(FILE).cloned(),
            given: given.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The help of a key: its sentence without the final dot, its range and its default.
fn key_help(key: &crate::config::Key) -> String {
    let sentence = key.sentence();
    let mut help = sentence.trim_end_matches('.').to_owned();
    if key.switch() == Some(true) {
        help.push_str(" [default: yes; this flag says no]");
        return help;
    }
    let limits = key.limits();
    let default = match key.switch() {
        Some(_) => None,
        None => key.default_words().map(|it| format!("default: {it}")),
    };
    let about: Vec<String> = (!limits.is_empty())
        .then_some(limits)
        .into_iter()
        .chain(default)
        .collect();
    if !about.is_empty() {
        help.push_str(&format!(" [{}]", about.join("; ")));
    }
    help
}

/// The flag that names the file.
const FILE: &str = "config";
