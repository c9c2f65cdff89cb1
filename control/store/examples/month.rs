//! SQL that gives a server's organization 30 days of a thousand calls an hour, to look at its pages with that much behind them:
//! `cargo run -p control-store --example month | psql -U postgres -h SOCKET -d DATABASE`, where no policy binds.
//!
//! What is written is made up and says so nowhere: only for servers that nobody calls.

#![expect(clippy::print_stdout, reason = "its output is the point of it")]

use control_store::Histogram;

/// Answered turns of one series in an hour: a thousand calls of five turns, in eight series.
const TURNS: u64 = 625;
/// Median, and what is added by the slowest, in microseconds; by day it takes longer than at night.
const STAGES: [(&str, u64, u64); 6] = [
    ("response", 640_000, 2_100_000),
    ("endpointing", 310_000, 420_000),
    ("thinking", 190_000, 1_300_000),
    ("sentence", 35_000, 160_000),
    ("synthesis", 95_000, 480_000),
    ("playout", 8_000, 22_000),
];
/// What is counted beside turns: how many of `TURNS`, and of what.
const COUNTS: [(&str, &str, u64); 12] = [
    ("calls", "", 125),
    ("turns", "", TURNS),
    ("interruptions", "", 41),
    ("dead_air_ms", "thinking", 5_200),
    ("dead_air_ms", "synthesis", 1_900),
    ("dead_air_ms", "recognition", 700),
    ("failures", "STT_TIMED_OUT", 2),
    ("failures", "LLM_LIMITED", 1),
    ("tokens_in", "", 182_000),
    ("tokens_out", "", 21_500),
    ("ended", "caller_left", 88),
    ("ended", "agent_ended", 37),
];

fn main() {
    println!("\\set ON_ERROR_STOP on\nbegin;");
    println!("create temp table shape (hour int, stage text, count bigint, buckets bytea) on commit drop;");
    for hour in 0..24 {
        for (stage, median, slowest) in STAGES {
            let histogram = of_an_hour(hour, median, slowest);
            let bytes: String = histogram.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            println!("insert into shape values ({hour}, '{stage}', {TURNS}, '\\x{bytes}');");
        }
    }
    let counts =
        COUNTS.map(|(name, label, value)| format!("('{name}', '{label}', {value}::bigint)")).join(", ");
    for (table, step, length, share) in
        [("minute", "1 minute", "25 hours", 60), ("hour", "1 hour", "30 days", 1)]
    {
        println!(
            "insert into app.latency_hist_{table} (org_id, at, agent_name, version, transport, provider, stage, count, buckets)
             select o.id, t, a, 1, w, 'local', s.stage, s.count, s.buckets
             from app.orgs o, generate_series(date_trunc('hour', now()) - interval '{length}', now(), interval '{step}') t,
                  unnest(array['front-desk', 'florist', 'clinic', 'garage']) a, unnest(array['webrtc', 'twilio']) w, shape s
             where o.name = 'default' and s.hour = (extract(hour from t)::int + length(a)) % 24
             on conflict do nothing;
             insert into app.counts_{table} (org_id, at, agent_name, version, transport, provider, name, label, value)
             select o.id, t, a, 1, w, 'local', n, l,
                    greatest(1, v * (60 + 40 * sin(extract(hour from t) / 24 * 2 * pi() - 1.9) + extract(minute from t)::int % 7)::bigint / 100 / {share})
             from app.orgs o, generate_series(date_trunc('hour', now()) - interval '{length}', now(), interval '{step}') t,
                  unnest(array['front-desk', 'florist', 'clinic', 'garage']) a, unnest(array['webrtc', 'twilio']) w, (values {counts}) c (n, l, v)
             where o.name = 'default'
             on conflict do nothing;"
        );
    }
    // The list of calls has as many behind it: one each 3.6 s.
    println!(
        "insert into app.sessions (id, org_id, agent_name, version, transport, provider, server_id, started_at, last_event_at, ended_at,
             end_reason, duration_ms, turns, response_median_ms, response_max_ms, first_words, words, outcome, summary)
         select gen_random_uuid(), o.id, (array['front-desk', 'florist', 'clinic', 'garage'])[1 + n % 4], 1, (array['webrtc', 'twilio'])[1 + n % 2],
             'local', o.id, now() - n * interval '3.6 seconds', now() - n * interval '3.6 seconds', now() - n * interval '3.6 seconds' + interval '1 minute',
             (array['caller_left', 'agent_ended', 'connection_lost'])[1 + n % 3], 60000, 5, 400 + n % 300, 700 + n % 2000, 'I would like a haircut',
             to_tsvector('simple', 'hello haircut price word' || n % 5000), 'answered', 'The caller asked for a price.'
         from app.orgs o, generate_series(1, 720000) n where o.name = 'default';
         commit;\nvacuum analyze app.sessions;"
    );
}

/// Not a curve of any law: most near the median, a few far behind it, each hour a little else.
fn of_an_hour(hour: u64, median: u64, slowest: u64) -> Histogram {
    let mut histogram = Histogram::default();
    let busy = 100 + 3 * (12 - hour.abs_diff(13).min(12));
    for turn in 0..TURNS {
        let place = (turn * 7919 + hour * 104_729) % 1000;
        let tail = slowest * place.pow(4) / 1_000_000_000_000;
        let value = median / 2 + median * place / 1000 + tail;
        histogram.record(value * busy / 100);
    }
    histogram
}
