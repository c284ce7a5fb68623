//! The report: for people, as JSON, for Nagios, for Prometheus.

use serde_json::{Value, json};

use super::step::{Examination, Outcome, Step};

/// For people.
pub fn text(examinations: &[Examination]) -> String {
    let mut text = String::new();
    for examination in examinations {
        text += &format!("store {} ({}): {}\n", examination.store, examination.kind, verdict(examination.outcome()));
        for step in &examination.steps {
            let took = step.took.as_secs_f64() * 1e3;
            let node = if step.node.is_empty() { String::new() } else { format!(" {}", step.node) };
            let Step { name, finding, .. } = step;
            text += &format!("  {:<8} {name}{node}: {} ({took:.1} ms)\n", finding.outcome.word(), finding.detail);
            if let Some(advice) = &finding.advice {
                text += &format!("           -> {advice}\n");
            }
        }
    }
    text
}

/// As JSON.
pub fn json(examinations: &[Examination]) -> Value {
    let stores: Vec<Value> = examinations
        .iter()
        .map(|examination| {
            let steps: Vec<Value> = examination.steps.iter().map(step_json).collect();
            json!({
                "store": examination.store, "type": examination.kind, "outcome": examination.outcome().word(),
                "steps": steps,
            })
        })
        .collect();
    json!({"outcome": worst(examinations).word(), "stores": stores})
}

fn step_json(step: &Step) -> Value {
    let mut told = json!({
        "step": step.name, "node": (!step.node.is_empty()).then_some(&step.node), "outcome": step.finding.outcome.word(),
        "detail": step.finding.detail, "advice": step.finding.advice, "seconds": step.took.as_secs_f64(),
    });
    if let Some(skew) = step.finding.skew_seconds {
        told["skew_seconds"] = skew.into();
    }
    told
}

/// One line for Nagios, with the times as performance data.
pub fn nagios(examinations: &[Examination]) -> String {
    let worst = worst(examinations);
    let word = match worst {
        _ if is_unknown(examinations) => "UNKNOWN",
        Outcome::Fine | Outcome::Skipped => "OK",
        Outcome::Warning => "WARNING",
        Outcome::Failed => "CRITICAL",
    };
    let mut told = Vec::new();
    let mut times = Vec::new();
    for examination in examinations {
        let worst_steps = examination.steps.iter().filter(|step| step.finding.outcome == worst);
        if worst >= Outcome::Warning {
            told.extend(worst_steps.map(|step| {
                let node = if step.node.is_empty() { String::new() } else { format!(" {}", step.node) };
                format!("{} {}{node}: {}", examination.store, step.name, step.finding.detail)
            }));
        }
        for step in examination.steps.iter().filter(|step| step.finding.outcome != Outcome::Skipped) {
            let node = if step.node.is_empty() { String::new() } else { format!("_{}", step.node) };
            let label = format!("{}_{}{node}", examination.store, step.name).replace(['\'', '='], "_");
            times.push(format!("'{label}'={:.6}s", step.took.as_secs_f64()));
            times.extend(step.finding.skew_seconds.map(|skew| format!("'{label}_skew'={skew:.6}s")));
        }
    }
    if told.is_empty() {
        told.push(format!("{} stores are well", examinations.len()));
    }
    // A bar or a line's end in what was found would end the text.
    let told = told.join("; ").replace('|', "/").replace(['\n', '\r'], " ");
    format!("{word} - {told} | {}\n", times.join(" "))
}

/// As Prometheus reads it.
pub fn prometheus(examinations: &[Examination]) -> String {
    let mut text = String::from(
        "# HELP larder_doctor_success Whether every step of a store succeeded.\n# TYPE larder_doctor_success gauge\n",
    );
    for examination in examinations {
        let success = u8::from(examination.outcome() != Outcome::Failed);
        text += &format!("larder_doctor_success{{store=\"{}\"}} {success}\n", label(&examination.store));
    }
    let each = |text: &mut String, name: &str, value: &dyn Fn(&Step) -> String| {
        for examination in examinations {
            for step in examination.steps.iter().filter(|step| step.finding.outcome != Outcome::Skipped) {
                let (store, node) = (label(&examination.store), label(&step.node));
                let node = if node.is_empty() { node } else { format!(",node=\"{node}\"") };
                *text += &format!("{name}{{store=\"{store}\",step=\"{}\"{node}}} {}\n", step.name, value(step));
            }
        }
    };
    text += "# HELP larder_doctor_step_success Whether a step succeeded; a warning counts as success.\n";
    text += "# TYPE larder_doctor_step_success gauge\n";
    each(&mut text, "larder_doctor_step_success", &|step| {
        u8::from(step.finding.outcome != Outcome::Failed).to_string()
    });
    text += "# HELP larder_doctor_step_warning Whether a step found something to look at.\n";
    text += "# TYPE larder_doctor_step_warning gauge\n";
    each(&mut text, "larder_doctor_step_warning", &|step| {
        u8::from(step.finding.outcome == Outcome::Warning).to_string()
    });
    text += "# HELP larder_doctor_step_duration_seconds How long a step took.\n";
    text += "# TYPE larder_doctor_step_duration_seconds gauge\n";
    each(&mut text, "larder_doctor_step_duration_seconds", &|step| format!("{:.6}", step.took.as_secs_f64()));
    text += "# HELP larder_doctor_clock_skew_seconds How far the server's clock is ahead of this machine's.\n";
    text += "# TYPE larder_doctor_clock_skew_seconds gauge\n";
    for examination in examinations {
        for skew in examination.steps.iter().filter_map(|step| step.finding.skew_seconds) {
            let store = label(&examination.store);
            text += &format!("larder_doctor_clock_skew_seconds{{store=\"{store}\"}} {skew:.6}\n");
        }
    }
    text
}

/// Whether what fails could not be looked at, because its configuration cannot be used.
pub fn is_unknown(examinations: &[Examination]) -> bool {
    let is_unusable = |step: &Step| step.name == "configuration" && step.finding.outcome == Outcome::Failed;
    let mut failed = examinations.iter().filter(|examination| examination.outcome() == Outcome::Failed).peekable();
    failed.peek().is_some() && failed.all(|examination| examination.steps.iter().any(is_unusable))
}

/// The worst of all.
pub fn worst(examinations: &[Examination]) -> Outcome {
    examinations.iter().map(Examination::outcome).max().unwrap_or(Outcome::Skipped)
}

fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Fine | Outcome::Skipped => "all is well",
        Outcome::Warning => "works, with warnings",
        Outcome::Failed => "does NOT work",
    }
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::doctor::step::Finding;
    use crate::error::Status;

    fn examinations() -> Vec<Examination> {
        let step =
            |name, node: &str, finding| Step { name, node: node.to_owned(), finding, took: Duration::from_millis(2) };
        let failed = Finding::failed(Status::UNAVAILABLE, "refused | really\nso", "Start it.");
        let mut examination = Examination::new("a\"b", "redis");
        examination.steps = vec![step("resolve", "h:1", Finding::fine("10.0.0.1")), step("connect", "h:1", failed)];
        vec![examination]
    }

    #[test]
    fn nagios_gets_one_line_with_its_times() {
        let line = nagios(&examinations());
        let expected = "CRITICAL - a\"b connect h:1: refused / really so | 'a\"b_resolve_h:1'=0.002000s 'a\"b_connect_h:1'=0.002000s\n";
        assert_eq!(line, expected);
        let mut fine = examinations();
        fine[0].steps.truncate(1);
        assert!(nagios(&fine).starts_with("OK - 1 stores are well | "));
    }

    #[test]
    fn prometheus_gets_escaped_labels() {
        let text = prometheus(&examinations());
        assert!(text.contains("larder_doctor_success{store=\"a\\\"b\"} 0\n"), "{text}");
        assert!(
            text.contains("larder_doctor_step_success{store=\"a\\\"b\",step=\"resolve\",node=\"h:1\"} 1\n"),
            "{text}"
        );
        assert!(text.contains(
            "larder_doctor_step_duration_seconds{store=\"a\\\"b\",step=\"connect\",node=\"h:1\"} 0.002000\n"
        ));
    }

    #[test]
    fn a_difference_of_clocks_is_a_number_in_every_format_for_machines() {
        let mut told = examinations();
        told[0].steps.truncate(1);
        told[0].steps[0].finding = Finding::fine("behind").with_skew(-2.5);
        assert_eq!(json(&told)["stores"][0]["steps"][0]["skew_seconds"], -2.5);
        assert!(nagios(&told).ends_with(" 'a\"b_resolve_h:1_skew'=-2.500000s\n"), "{}", nagios(&told));
        let line = "larder_doctor_clock_skew_seconds{store=\"a\\\"b\"} -2.500000\n";
        assert!(prometheus(&told).ends_with(line), "{}", prometheus(&told));
        assert_eq!(json(&examinations())["stores"][0]["steps"][0].get("skew_seconds"), None);
    }

    #[test]
    fn people_get_advice() {
        let text = text(&examinations());
        assert!(text.starts_with("store a\"b (redis): does NOT work\n"), "{text}");
        assert!(text.contains("  failed   connect h:1: ") && text.ends_with("-> Start it.\n"), "{text}");
        assert_eq!(json(&examinations())["stores"][0]["steps"][1]["advice"], "Start it.");
    }
}
