//! A clock that is wrong, for a program that asks libc for the time.

use std::process::Command;

use super::Result;
use super::directory::Directory;

/// Puts itself before libc, and reads how wrong it is from the environment. Only the wall clock is.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  const char *shift = getenv("LARDER_TEST_CLOCK_SHIFT");
  if (result == 0 && clock == CLOCK_REALTIME && shift != NULL) now->tv_sec += atol(shift);
  return result;
}
"#;

/// A library that makes the clock of a program wrong.
pub struct WrongClock {
    directory: Directory,
}

impl WrongClock {
    /// Builds it.
    ///
    /// # Errors
    ///
    /// When there is no C compiler.
    pub fn new() -> Result<WrongClock> {
        let directory = Directory::new()?;
        let source = directory.write("clock.c", SOURCE)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(directory.file("clock.so")).arg(source);
        let status = compiler.status().map_err(|error| format!("cc: {error}"))?;
        if status.success() { Ok(WrongClock { directory }) } else { Err(format!("cc: {status}")) }
    }

    /// Has a program see the wall clock so many seconds ahead.
    pub fn shift(&self, program: &mut Command, seconds: i64) {
        program.env("LD_PRELOAD", self.directory.file("clock.so"));
        program.env("LARDER_TEST_CLOCK_SHIFT", seconds.to_string());
    }
}
