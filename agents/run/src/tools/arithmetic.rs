//! Arithmetic as people and models write it: `17 * (24 + 3) / 2`, `2^10`, `15% of 80`, `sqrt(2)`.

/// Longest expression, in characters; deepest nesting. Both protect the stack from what a model may write.
const LONGEST: usize = 300;
const DEEPEST: usize = 24;

pub(super) fn evaluate(text: &str) -> Result<f64, String> {
    if text.chars().count() > LONGEST {
        return Err(format!("the expression is longer than {LONGEST} characters"));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let value = parser.sum()?;
    if parser.at < tokens.len() {
        return Err("the expression goes on where it should end".to_owned());
    }
    if value.is_finite() { Ok(value) } else { Err("this has no finite value".to_owned()) }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c.is_ascii_digit() || c == '.' {
            let mut number = String::new();
            while let Some(&c) = chars.peek().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '_')) {
                // Between thousands.
                if !matches!(c, ',' | '_') {
                    number.push(c);
                }
                chars.next();
            }
            let value = number.parse().map_err(|_| format!("\"{number}\" is no number"))?;
            tokens.push(Token::Number(value));
        } else if c.is_alphabetic() {
            let mut name = String::new();
            while let Some(&c) = chars.peek().filter(|c| c.is_alphabetic()) {
                name.extend(c.to_lowercase());
                chars.next();
            }
            tokens.push(Token::Name(name));
        } else {
            chars.next();
            match c {
                c if c.is_whitespace() => {}
                '\u{d7}' | '\u{b7}' => tokens.push(Token::Sign('*')),
                '\u{f7}' | ':' => tokens.push(Token::Sign('/')),
                '\u{2212}' => tokens.push(Token::Sign('-')),
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    tokens.push(Token::Sign('^'));
                }
                '+' | '-' | '*' | '/' | '^' | '%' | '(' | ')' => tokens.push(Token::Sign(c)),
                other => return Err(format!("\"{other}\" is no arithmetic")),
            }
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn sign(&mut self, wanted: &[char]) -> Option<char> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(c)) if wanted.contains(c) => {
                self.at += 1;
                Some(*c)
            }
            _ => None,
        }
    }

    fn name(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == wanted);
        self.at += usize::from(found);
        found
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.sign(&['+', '-']) {
            let next = self.product()?;
            value = if sign == '+' { value + next } else { value - next };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.power()?;
        loop {
            // "15% of 80"; "8 mod 3".
            if self.name("of") {
                value *= self.power()?;
                continue;
            }
            if self.name("mod") {
                value %= self.power()?;
                continue;
            }
            match self.sign(&['*', '/']) {
                Some('*') => value *= self.power()?,
                Some(_) => value /= self.power()?,
                None => return Ok(value),
            }
        }
    }

    fn power(&mut self) -> Result<f64, String> {
        self.deeper(|parser| {
            if parser.sign(&['-']).is_some() {
                return Ok(-parser.power()?);
            }
            if parser.sign(&['+']).is_some() {
                return parser.power();
            }
            let base = parser.atom()?;
            match parser.sign(&['^']) {
                Some(_) => Ok(base.powf(parser.power()?)),
                None => Ok(base),
            }
        })
    }

    fn atom(&mut self) -> Result<f64, String> {
        let value = match self.tokens.get(self.at).cloned() {
            Some(Token::Number(value)) => {
                self.at += 1;
                value
            }
            Some(Token::Sign('(')) => self.bracketed()?,
            Some(Token::Name(name)) => {
                self.at += 1;
                self.named(&name)?
            }
            _ => return Err("a number is missing".to_owned()),
        };
        let percent = self.sign(&['%']).is_some();
        Ok(if percent { value / 100.0 } else { value })
    }

    fn bracketed(&mut self) -> Result<f64, String> {
        if self.sign(&['(']).is_none() {
            return Err("a \"(\" is missing".to_owned());
        }
        let value = self.sum()?;
        self.sign(&[')']).map(|_| value).ok_or_else(|| "a \"(\" has no \")\"".to_owned())
    }

    fn named(&mut self, name: &str) -> Result<f64, String> {
        let function: fn(f64) -> f64 = match name {
            "pi" => return Ok(std::f64::consts::PI),
            "e" => return Ok(std::f64::consts::E),
            "sqrt" => f64::sqrt,
            "abs" => f64::abs,
            "round" => f64::round,
            "floor" => f64::floor,
            "ceil" => f64::ceil,
            "ln" => f64::ln,
            "log" => f64::log10,
            "sin" => f64::sin,
            "cos" => f64::cos,
            "tan" => f64::tan,
            other => return Err(format!("\"{other}\" is no function that is known here")),
        };
        Ok(function(self.bracketed()?))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth >= DEEPEST {
            return Err("the expression is nested too deeply".to_owned());
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_worked_out() {
        for (text, value) in [
            ("1 + 2 * 3", 7.0),
            ("(1 + 2) * 3", 9.0),
            ("2 ^ 3 ^ 2", 512.0),
            ("-2^2", -4.0),
            ("2 ** 10", 1024.0),
            ("15% of 80", 12.0),
            ("1,234.5 + 0.5", 1235.0),
            ("10 \u{f7} 4 \u{d7} 2", 5.0),
            ("sqrt(16) + abs(-3)", 7.0),
            ("17 mod 5", 2.0),
        ] {
            assert!((evaluate(text).unwrap() - value).abs() < 1e-9, "{text}: {:?}", evaluate(text));
        }
    }

    #[test]
    fn what_is_no_arithmetic_is_refused() {
        let deep = "(".repeat(200);
        for text in
            ["", "1 +", "(1", "1 2", "1 / 0", "rm(1)", "1; 2", "1.2.3", "sqrt 4", &deep, &"1+".repeat(200)]
        {
            assert!(evaluate(text).is_err(), "{text}");
        }
    }
}
