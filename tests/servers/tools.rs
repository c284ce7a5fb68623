//! Where the programs are.

use std::path::{Path, PathBuf};

use super::Result;

/// The current nats-server: `LARDER_NATS_SERVER`, or what `make tools` built.
///
/// # Errors
///
/// That it is missing, and what to do.
pub fn nats_server() -> Result<PathBuf> {
    built("LARDER_NATS_SERVER", "nats-server")
}

/// The oldest nats-server that is supported: `LARDER_NATS_SERVER_OLDEST`, or what `make tools` built.
///
/// # Errors
///
/// That it is missing, and what to do.
pub fn nats_server_oldest() -> Result<PathBuf> {
    built("LARDER_NATS_SERVER_OLDEST", "nats-server-2.9")
}

/// Debian's redis-server.
///
/// # Errors
///
/// That it is missing, and what to do.
pub fn redis_server() -> Result<PathBuf> {
    on_path("redis-server")
}

/// Debian's redis-sentinel.
///
/// # Errors
///
/// That it is missing, and what to do.
pub fn redis_sentinel() -> Result<PathBuf> {
    on_path("redis-sentinel")
}

/// Debian's redis-cli.
///
/// # Errors
///
/// That it is missing, and what to do.
pub fn redis_cli() -> Result<PathBuf> {
    on_path("redis-cli")
}

fn built(variable: &str, name: &str) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(variable).map(PathBuf::from) {
        let there = path.exists();
        return there.then_some(path.clone()).ok_or_else(|| format!("{variable}: there is no {}", path.display()));
    }
    // Tests run from TARGET/debug/deps, examples from TARGET/debug/examples.
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut places = program.ancestors().map(|ancestor| ancestor.join("tools").join(name));
    places.find(|path| path.is_file()).ok_or_else(|| format!("{name} is missing; run `make tools`"))
}

fn on_path(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join(name));
    let found = places.find(|path| path.is_file()).or_else(|| {
        // Not on the PATH of every user.
        Some(Path::new("/usr/sbin").join(name)).filter(|path| path.is_file())
    });
    found.ok_or_else(|| format!("{name} is missing; run `make tools`"))
}
