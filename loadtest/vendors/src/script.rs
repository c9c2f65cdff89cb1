//! What every vendor's language model answers, and how it is cut into tokens.

use serde_json::{Value, json};

/// An answer, before it is put into a vendor's frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// Pieces as they stream; together they are the text.
    pub(crate) tokens: Vec<String>,
    /// Name and arguments of the tool that is called after the text.
    pub(crate) call: Option<(String, Value)>,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
}

/// Answers the last message. `call NAME with TEXT` of a caller calls the tool NAME, where it is given, with `{"text": TEXT}`; a tool's
/// result is told; where JSON is wanted the answer is `{"answer": ...}`; everything else is repeated.
///
/// `asked` is the caller's last text, `result` what a tool gave after it, `tools` the names of those given, `prompt` everything sent.
pub(crate) fn answer(
    asked: &str,
    result: Option<&str>,
    tools: &[String],
    json_wanted: bool,
    prompt: &str,
) -> Answer {
    let input_tokens = tokens_of(prompt);
    let wanted = asked.split_once("call ").and_then(|(_, rest)| rest.split_once(" with "));
    if let (None, Some((name, text))) = (result, wanted)
        && tools.iter().any(|tool| tool == name)
    {
        let call = Some((name.to_owned(), json!({ "text": text })));
        return Answer { tokens: Vec::new(), call, input_tokens, output_tokens: 12 };
    }
    let text = match result {
        Some(result) => format!("The tool says {result}."),
        None if json_wanted => json!({ "answer": asked }).to_string(),
        None => format!("You said {asked}. Anything else?"),
    };
    let tokens: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let output_tokens = tokens.len() as u64;
    Answer { tokens, call: None, input_tokens, output_tokens }
}

/// A model of this name gives the same twenty tokens whatever it is asked, nine of them a sentence: what a comparison of times is made with.
pub(crate) const TIMED: &str = "timed";

pub(crate) fn timed(prompt: &str) -> Answer {
    let text = "I have noted that down for you just now. Is there anything else that I can do for you today?";
    let tokens: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let output_tokens = tokens.len() as u64;
    Answer { tokens, call: None, input_tokens: tokens_of(prompt), output_tokens }
}

/// A value of a schema, where it asks for more than the answer; each text says which field it stands in.
pub(crate) fn shaped(schema: &Value) -> Option<Value> {
    let properties = schema["properties"].as_object().filter(|fields| !fields.contains_key("answer"))?;
    let value = |(name, of): (&String, &Value)| {
        let said = json!(format!("The {name} in brief."));
        let kind = of["type"].as_str().or_else(|| of["type"][0].as_str()).unwrap_or_default();
        let value = match kind {
            "array" => json!([said]),
            "number" | "integer" => json!(7),
            "boolean" => json!(true),
            _ => of["enum"].get(0).cloned().unwrap_or(said),
        };
        (name.clone(), value)
    };
    Some(properties.iter().map(value).collect())
}

/// About four characters are a token.
fn tokens_of(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}
