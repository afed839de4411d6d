//! Replaces NUL characters in what is about to be written, because PostgreSQL's TEXT and JSONB cannot hold them.
//! Must not change anything else.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::write::{Action, Failure, JobResult, Report, Write};

const NUL: char = '\0';
const REPLACEMENT: &str = "\u{FFFD}";

/// The writes with U+FFFD in place of every NUL, so that events are published as they are stored.
pub(super) fn replace_nul(writes: &[Write]) -> Cow<'_, [Write]> {
    if !writes.iter().any(may_hold_nul) {
        return Cow::Borrowed(writes);
    }
    let mut writes = writes.to_vec();
    writes.iter_mut().for_each(clean_write);
    Cow::Owned(writes)
}

/// Exact for the two frequent writes; the others are rare enough to be copied unseen.
fn may_hold_nul(write: &Write) -> bool {
    match &write.action {
        Action::Cancel | Action::Retry | Action::Reclaim(_) | Action::Attempt(_, Report::Release) => false,
        Action::Attempt(_, Report::Delta(text)) => text.contains(NUL),
        Action::Attempt(_, Report::Progress(progress)) => {
            progress.text.contains(NUL) || value_holds_nul(&progress.detail)
        }
        Action::Create(_) | Action::Attempt(..) => true,
    }
}

fn value_holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(NUL),
        Value::Array(items) => items.iter().any(value_holds_nul),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains(NUL) || value_holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn clean_write(write: &mut Write) {
    match &mut write.action {
        Action::Cancel | Action::Retry | Action::Reclaim(_) => {}
        Action::Create(new) => clean_value(&mut new.input_data),
        Action::Attempt(_, report) => clean_report(report),
    }
}

fn clean_report(report: &mut Report) {
    match report {
        Report::Release => {}
        Report::Progress(progress) => {
            clean_text(&mut progress.text);
            clean_value(&mut progress.detail);
        }
        Report::Delta(text) => clean_text(text),
        Report::StepOutput { name, output, .. } => {
            clean_text(name);
            clean_value(output);
        }
        Report::Complete(result) => clean_result(result),
        Report::Retry(Failure { message, code }, _) | Report::Fail(Failure { message, code }) => {
            clean_text(message);
            clean_text(code);
        }
    }
}

fn clean_result(result: &mut JobResult) {
    clean_value(&mut result.result_data);
    result.rows.iter_mut().for_each(|row| clean_members(&mut row.values));
    result.usage.iter_mut().for_each(clean_value);
}

fn clean_text(text: &mut String) {
    if text.contains(NUL) {
        *text = text.replace(NUL, REPLACEMENT);
    }
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => clean_text(text),
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        Value::Object(members) => clean_members(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn clean_members(members: &mut Map<String, Value>) {
    if members.keys().any(|key| key.contains(NUL)) {
        let renamed = std::mem::take(members).into_iter().map(|(key, value)| (key.replace(NUL, REPLACEMENT), value));
        members.extend(renamed);
    }
    members.values_mut().for_each(clean_value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::job::JobId;
    use crate::write::Progress;

    #[test]
    fn writes_without_nul_are_not_copied() {
        let job_id = JobId::new();
        let delta = Action::Attempt(1, Report::Delta("text with \\u0000 written out".to_owned()));
        let writes = [Write { job_id, action: delta }, Write { job_id, action: Action::Cancel }];
        assert!(matches!(replace_nul(&writes), Cow::Borrowed(_)));
    }

    #[test]
    fn nul_is_replaced_in_texts_values_and_keys() {
        let detail = json!({"pa\0ge": ["a\0b", {"c": "\0"}], "n": 1});
        let progress = Progress { step: 1, percent: 1, text: "x\0y".to_owned(), detail };
        let write = Write { job_id: JobId::new(), action: Action::Attempt(1, Report::Progress(progress)) };
        let cleaned = replace_nul(std::slice::from_ref(&write)).into_owned();
        let Action::Attempt(_, Report::Progress(progress)) = &cleaned[0].action else { panic!("{cleaned:?}") };
        assert_eq!(progress.text, "x\u{FFFD}y");
        assert_eq!(progress.detail, json!({"pa\u{FFFD}ge": ["a\u{FFFD}b", {"c": "\u{FFFD}"}], "n": 1}));
    }
}
