//! The interpreter of a case: opens a larder, does the steps, compares what came with what was expected.

mod answer;
mod bytes;
mod case;
pub mod kind;
mod step;

use kind::Kind;
use serde_json::Value;

/// Runs one case on one store type.
///
/// # Errors
///
/// What was wrong, and in which step.
pub fn run(case: &Value, kind: &Kind) -> Result<(), String> {
    known(case, &["name", "types", "except", "settings", "handles", "steps"])?;
    let mut state = case::State::open(case, kind)?;
    for (index, step) in case["steps"].as_array().ok_or("no steps")?.iter().enumerate() {
        state.step(step).map_err(|fault| format!("step {index} {step}: {fault}"))?;
    }
    Ok(())
}

/// Refuses fields that nobody would look at.
fn known(object: &Value, fields: &[&str]) -> Result<(), String> {
    let object = object.as_object().ok_or_else(|| format!("{object} is no object"))?;
    match object.keys().find(|key| !fields.contains(&key.as_str())) {
        Some(key) => Err(format!("there is no field {key}")),
        None => Ok(()),
    }
}
