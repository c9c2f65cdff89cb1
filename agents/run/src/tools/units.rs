//! Units of everyday life, each by its factor to the first of its kind; temperatures by their scale.

/// Names of a unit, its kind and its factor.
const UNITS: &[(&[&str], &str, f64)] = &[
    (&["m", "meter", "metre"], "length", 1.0),
    (&["km", "kilometer", "kilometre"], "length", 1000.0),
    (&["cm", "centimeter", "centimetre"], "length", 0.01),
    (&["mm", "millimeter", "millimetre"], "length", 0.001),
    (&["mi", "mile"], "length", 1609.344),
    (&["yd", "yard"], "length", 0.9144),
    (&["ft", "foot", "feet"], "length", 0.3048),
    (&["in", "inch", "inche"], "length", 0.0254),
    (&["nmi", "nautical mile"], "length", 1852.0),
    (&["kg", "kilogram", "kilo"], "mass", 1.0),
    (&["g", "gram"], "mass", 0.001),
    (&["mg", "milligram"], "mass", 0.000_001),
    (&["t", "tonne", "metric ton"], "mass", 1000.0),
    (&["lb", "pound"], "mass", 0.453_592_37),
    (&["oz", "ounce"], "mass", 0.028_349_523_125),
    (&["st", "stone"], "mass", 6.350_293_18),
    (&["l", "liter", "litre"], "volume", 1.0),
    (&["ml", "milliliter", "millilitre"], "volume", 0.001),
    (&["gal", "gallon", "us gallon"], "volume", 3.785_411_784),
    (&["uk gallon", "imperial gallon"], "volume", 4.546_09),
    (&["qt", "quart"], "volume", 0.946_352_946),
    (&["pt", "pint"], "volume", 0.473_176_473),
    (&["cup"], "volume", 0.236_588_236_5),
    (&["fl oz", "fluid ounce"], "volume", 0.029_573_529_562_5),
    (&["tbsp", "tablespoon"], "volume", 0.014_786_764_781_25),
    (&["tsp", "teaspoon"], "volume", 0.004_928_921_593_75),
    (&["m/s", "meter per second", "metre per second"], "speed", 1.0),
    (&["km/h", "kmh", "kph", "kilometer per hour", "kilometre per hour"], "speed", 1.0 / 3.6),
    (&["mph", "mile per hour"], "speed", 0.447_04),
    (&["kn", "knot"], "speed", 1852.0 / 3600.0),
    (&["s", "sec", "second"], "time", 1.0),
    (&["min", "minute"], "time", 60.0),
    (&["h", "hr", "hour"], "time", 3600.0),
    (&["d", "day"], "time", 86_400.0),
    (&["week"], "time", 604_800.0),
    (&["m2", "square meter", "square metre"], "area", 1.0),
    (&["ha", "hectare"], "area", 10_000.0),
    (&["acre"], "area", 4_046.856_422_4),
    (&["sq ft", "square foot", "square feet"], "area", 0.092_903_04),
    (&["km2", "square kilometer", "square kilometre"], "area", 1_000_000.0),
];

pub(super) fn convert(value: f64, from: &str, to: &str) -> Result<f64, String> {
    if !value.is_finite() {
        return Err("the value is no number".to_owned());
    }
    if let (Some(from), Some(to)) = (Scale::named(from), Scale::named(to)) {
        return Ok(to.of_kelvin(from.to_kelvin(value)));
    }
    let find = |name: &str| {
        let name = name.trim();
        unit(name).ok_or_else(|| format!("\"{name}\" is no unit that is known here"))
    };
    let ((kind, factor), (wanted, divisor)) = (find(from)?, find(to)?);
    if kind != wanted {
        return Err(format!("{from} measures {kind} and {to} measures {wanted}"));
    }
    Ok(value * factor / divisor)
}

/// In the singular and the plural ("miles", "miles per hour").
fn unit(name: &str) -> Option<(&'static str, f64)> {
    let name = name.to_lowercase().replace('\u{b2}', "2");
    let single = name.strip_suffix('s').unwrap_or(&name).to_owned();
    let inner = name.replacen("s per ", " per ", 1);
    let squared =
        name.replace("kilometers", "kilometer").replace("meters", "meter").replace("metres", "metre");
    [&name, &single, &inner, &squared].into_iter().find_map(|name| {
        UNITS
            .iter()
            .find(|(names, ..)| names.contains(&name.as_str()))
            .map(|(_, kind, factor)| (*kind, *factor))
    })
}

#[derive(Clone, Copy)]
enum Scale {
    Celsius,
    Fahrenheit,
    Kelvin,
}

impl Scale {
    fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase().replace('\u{b0}', "");
        match name.trim_start_matches("degrees ").trim_start_matches("degree ").trim() {
            "c" | "celsius" | "centigrade" => Some(Self::Celsius),
            "f" | "fahrenheit" => Some(Self::Fahrenheit),
            "k" | "kelvin" => Some(Self::Kelvin),
            _ => None,
        }
    }

    fn to_kelvin(self, value: f64) -> f64 {
        match self {
            Self::Celsius => value + 273.15,
            Self::Fahrenheit => (value - 32.0) / 1.8 + 273.15,
            Self::Kelvin => value,
        }
    }

    fn of_kelvin(self, value: f64) -> f64 {
        match self {
            Self::Celsius => value - 273.15,
            Self::Fahrenheit => (value - 273.15) * 1.8 + 32.0,
            Self::Kelvin => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_one_kind_are_converted() {
        for (value, from, to, wanted) in [
            (10.0, "miles", "kilometers", 16.09344),
            (6.0, "feet", "cm", 182.88),
            (100.0, "kilometres per hour", "mph", 62.137_119_223_7),
            (212.0, "Fahrenheit", "celsius", 100.0),
            (-40.0, "\u{b0}C", "degrees Fahrenheit", -40.0),
            (2.0, "cups", "ml", 473.176_473),
            (90.0, "minutes", "hours", 1.5),
            (1.0, "Pound", "ounces", 16.0),
            (2.0, "square meters", "sq ft", 21.527_820_833),
        ] {
            let converted = convert(value, from, to).unwrap();
            assert!((converted - wanted).abs() < 1e-6, "{value} {from} in {to}: {converted}");
        }
    }

    #[test]
    fn what_cannot_be_converted_says_why() {
        assert!(convert(1.0, "miles", "kg").unwrap_err().contains("length"));
        assert!(convert(1.0, "parsec", "km").unwrap_err().contains("parsec"));
        assert!(convert(1.0, "celsius", "km").is_err());
        assert!(convert(f64::NAN, "m", "km").is_err());
    }
}
