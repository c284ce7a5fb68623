//! The command `larder`.

fn main() -> std::process::ExitCode {
    larder::cli::main(std::env::args_os())
}
