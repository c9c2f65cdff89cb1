//! What requests of the configuration API weigh, by what they have the database do. Most weigh 1.

use control_api::paths;

/// From here on a request is heavy: of one organization few run at once (`heavy`).
pub(crate) const HEAVY: u32 = 5;

/// By the route's pattern and the query's pairs, decoded.
pub(crate) fn of(route: &str, query: &[(String, String)]) -> u32 {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match route {
        // Every series of the window is read and merged.
        paths::LATENCY | paths::ACTIVITY => match value("window") {
            Some("30d") => 20,
            Some("7d") => 10,
            Some("24h") => 4,
            _ => 1,
        },
        paths::COSTS => match value("window") {
            Some("24h") => 2,
            Some("7d") => 5,
            _ => 10,
        },
        // In the words of every call.
        paths::SESSIONS if value("q").is_some_and(|words| !words.trim().is_empty()) => 10,
        // All events of a call.
        paths::SESSION | paths::SESSION_TURNS | paths::SESSION_COSTS => 2,
        // A whole file is read; a vendor is asked, and paid. Both are light for the database.
        paths::SESSION_LOG | paths::PROVIDER_ACCOUNT_TRIAL | paths::PROVIDER_ACCOUNT_VOICES => 4,
        paths::PRICES_IMPORT => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_windows_and_searches_weigh_more_than_looks() {
        let query = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let windows =
            ["5m", "1h", "24h", "7d", "30d"].map(|window| of(paths::LATENCY, &query(&[("window", window)])));
        assert_eq!(windows, [1, 1, 4, 10, 20]);
        assert_eq!(of(paths::ACTIVITY, &[]), 1);
        assert_eq!(of(paths::COSTS, &[]), 10, "30 days unless another window is named");
        assert_eq!(of(paths::SESSIONS, &query(&[("q", "haircut"), ("limit", "1")])), 10);
        assert_eq!(of(paths::SESSIONS, &query(&[("q", " "), ("limit", "100")])), 1);
        assert_eq!(of("unheard of", &query(&[("window", "30d")])), 1);
    }
}
