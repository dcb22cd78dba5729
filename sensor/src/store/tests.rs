//! The file, as this program and others leave it.

use super::*;
