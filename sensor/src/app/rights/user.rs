//! Becomes a user without rights when started as root.

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, User, geteuid, getresuid, setgroups, setresgid, setresuid};

use super::{Becomes, DEFAULT_USER, FALLBACK_USER, Plan};
use crate::export::protection::Standing;

/// Why the sensor cannot become a user.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Nobody has this name.
    #[error(
        "rights.user: there is no user {0:?}; name one that is there, or make it: useradd --system \
         --no-create-home --shell /usr/sbin/nologin {0}"
    )]
    Missing(String),
    /// It was started as another user than it should become.
    #[error("rights.user: cannot become {name:?}: started as user {now}, and only root can change")]
    NotRoot {
        /// The user that is wanted.
        name: String,
        /// The number of the user that it is.
        now: u32,
    },
    /// The system does not allow it.
    #[error("rights.user: cannot become {name:?}: {why}; needs CAP_SETUID and CAP_SETGID")]
    Refused {
        /// The user that is wanted.
        name: String,
        /// What the system says.
        why: Errno,
    },
}

/// Who to become.
pub(super) enum Target {
    /// Nobody else, and that is as it should be.
    Stay,
    /// Nobody else: stays root.
    StayRoot(String),
    /// This user.
    Become { user: User, is_named: bool },
}

/// Whom the plan asks for.
pub(super) fn target(plan: &Plan, remarks: &mut Vec<String>) -> Result<Target, UserError> {
    let is_root = geteuid().is_root();
    let Some(name) = plan.user.as_deref() else {
        if !is_root {
            return Ok(Target::Stay);
        }
        if plan.becomes == Becomes::AnotherIfNamed {
            let why = "files are read as the user who started it, unless rights.user names another";
            return Ok(Target::StayRoot(why.to_owned()));
        }
        return fallback(remarks);
    };
    let Some(user) = User::from_name(name).ok().flatten() else {
        return Err(UserError::Missing(name.to_owned()));
    };
    if user.uid == geteuid() {
        return Ok(if is_root {
            Target::StayRoot("rights.user = \"root\"".to_owned())
        } else {
            Target::Stay
        });
    }
    if !is_root {
        return Err(UserError::NotRoot {
            name: name.to_owned(),
            now: geteuid().as_raw(),
        });
    }
    Ok(Target::Become {
        user,
        is_named: true,
    })
}

fn fallback(remarks: &mut Vec<String>) -> Result<Target, UserError> {
    let found = |name| User::from_name(name).ok().flatten();
    let user = found(DEFAULT_USER).or_else(|| {
        remarks.push(format!(
            "there is no user {DEFAULT_USER}, which the package makes; it runs as {FALLBACK_USER}; \
             --rights.user names another"
        ));
        found(FALLBACK_USER)
    });
    match user {
        Some(user) => Ok(Target::Become {
            user,
            is_named: false,
        }),
        None => Err(UserError::Missing(DEFAULT_USER.to_owned())),
    }
}

/// Becomes the user, with its group alone; says how that stands.
pub(super) fn become_it(target: Target, keeps_capabilities: bool) -> Result<Standing, UserError> {
    match target {
        Target::Stay => Ok(Standing::InForce),
        Target::StayRoot(why) => Ok(Standing::Off(why)),
        Target::Become { user, is_named } => match switch(user.uid, user.gid, keeps_capabilities) {
            Ok(()) => Ok(Standing::InForce),
            Err(why) if is_named => Err(UserError::Refused {
                name: user.name,
                why,
            }),
            Err(why) => Ok(Standing::Refused(format!(
                "cannot become {}: {}",
                user.name,
                why.desc()
            ))),
        },
    }
}

fn switch(uid: Uid, gid: Gid, keeps_capabilities: bool) -> nix::Result<()> {
    if keeps_capabilities {
        prctl::set_keepcaps(true)?;
    }
    setgroups(&[gid])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let is = getresuid()?;
    // The C library promises it; what follows relies on it.
    if [is.real, is.effective, is.saved] != [uid; 3] {
        return Err(Errno::EPERM);
    }
    Ok(())
}
