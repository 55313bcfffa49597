use super::*;

fn format(pattern: &str, instant_ms: i64) -> String {
    let mut text = String::new();
    DateFormat::parse_pattern(pattern).unwrap().format(instant_ms, &mut text);
    text
}

/// As jshell prints them, in UTC and English.
#[test]
fn instants_are_written_as_java_writes_them() {
    const ALL: &str = "G y yy yyy yyyyy M MMM MMMM L d D DDD E EEEE u a H k K h m s S SSSSSS z zzzz Z X XX XXX";
    const ISO: &str = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";
    for (pattern, instant_ms, expected) in [
        (ISO, 1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
        (
            ALL,
            1_709_210_096_789,
            "AD 2024 24 2024 02024 2 Feb February 2 29 60 060 Thu Thursday 4 PM 12 12 0 12 34 56 789 000789 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, -62_135_596_800_000, "0001-01-03T00:00:00.000Z"),
        (
            ALL,
            -62_135_596_800_000,
            "AD 1 01 001 00001 1 Jan January 1 3 3 003 Mon Monday 1 AM 0 24 0 12 0 0 0 000000 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, -1, "1969-12-31T23:59:59.999Z"),
        (
            ALL,
            -1,
            "AD 1969 69 1969 01969 12 Dec December 12 31 365 365 Wed Wednesday 3 PM 23 23 11 11 59 59 999 000999 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, -12_219_292_800_001, "1582-10-04T23:59:59.999Z"),
        (
            ALL,
            -12_219_292_800_001,
            "AD 1582 82 1582 01582 10 Oct October 10 4 277 277 Thu Thursday 4 PM 23 23 11 11 59 59 999 000999 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, 951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (
            ALL,
            951_782_399_999,
            "AD 2000 00 2000 02000 2 Feb February 2 28 59 059 Mon Monday 1 PM 23 23 11 11 59 59 999 000999 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, 253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
        (
            ALL,
            253_402_300_800_000,
            "AD 10000 00 10000 10000 1 Jan January 1 1 1 001 Sat Saturday 6 AM 0 24 0 12 0 0 0 000000 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, -62_167_392_000_000, "0001-01-01T00:00:00.000Z"),
        (
            ALL,
            -62_167_392_000_000,
            "BC 1 01 001 00001 1 Jan January 1 1 1 001 Thu Thursday 4 AM 0 24 0 12 0 0 0 000000 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        (ISO, 0, "1970-01-01T00:00:00.000Z"),
        (
            ALL,
            0,
            "AD 1970 70 1970 01970 1 Jan January 1 1 1 001 Thu Thursday 4 AM 0 24 0 12 0 0 0 000000 UTC Coordinated Universal Time +0000 Z Z Z",
        ),
        ("yyyyMMdd 'o''clock' '' -/.:", 1_709_210_096_789, "20240229 o'clock ' -/.:"),
        ("", 1_709_210_096_789, ""),
        ("LLL LLLL uu aa GGGG EEE", 1_709_210_096_789, "Feb February 04 PM AD Thu"),
    ] {
        assert_eq!(format(pattern, instant_ms), expected, "{pattern} {instant_ms}");
    }
}

/// As `SimpleDateFormat.parse` reads them; `None` where it throws.
#[test]
fn text_is_read_as_java_reads_it() {
    for (pattern, text, expected) in [
        ("yyyy-MM-dd", "2024-02-29", Some(1_709_164_800_000)),
        ("yyyy-MM-dd", "2024-13-45", Some(1_739_491_200_000)),
        ("yyyy-MM-dd", "2024-2-9 and more", Some(1_707_436_800_000)),
        ("yyyy-MM-dd", "x2024-02-09", None),
        ("yyyyMMdd", "20240229", Some(1_709_164_800_000)),
        ("yyyyMMddHHmmssSSS", "20240229123456789", Some(1_709_210_096_789)),
        ("yy-MM-dd", "24-02-09", Some(1_707_436_800_000)),
        ("yy-MM-dd", "99-02-09", Some(918_518_400_000)),
        ("yy-MM-dd", "1999-02-09", Some(918_518_400_000)),
        ("yy-MM-dd", "9-02-09", Some(-61_879_939_200_000)),
        ("yyyy-MM-dd", "24-02-09", Some(-61_406_640_000_000)),
        ("dd MMM yyyy", "29 Feb 2024", Some(1_709_164_800_000)),
        ("dd MMM yyyy", "29 february 2024", Some(1_709_164_800_000)),
        ("dd MMMM yyyy", "29 feb 2024", Some(1_709_164_800_000)),
        ("EEE, d MMM yyyy HH:mm:ss Z", "Thu, 29 Feb 2024 12:34:56 +0130", Some(1_709_204_696_000)),
        ("EEE, d MMM yyyy HH:mm:ss z", "Thu, 29 Feb 2024 12:34:56 GMT", Some(1_709_210_096_000)),
        ("EEE, d MMM yyyy HH:mm:ss z", "Mon, 29 Feb 2024 12:34:56 GMT+01:00", Some(1_709_206_496_000)),
        ("EEE, d MMM yyyy HH:mm:ss Z", "Mon, 29 Feb 2024 12:34:56 UTC", Some(1_709_210_096_000)),
        ("yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29T12:34:56Z", Some(1_709_210_096_000)),
        ("yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29T12:34:56+02", Some(1_709_202_896_000)),
        ("yyyy-MM-dd'T'HH:mm:ssXX", "2024-02-29T12:34:56-0230", Some(1_709_219_096_000)),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:34:56+02:30", Some(1_709_201_096_000)),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:34:56+0230", None),
        ("hh:mm a", "12:30 AM", Some(1_800_000)),
        ("hh:mm a", "12:30 pm", Some(45_000_000)),
        ("KK:mm a", "00:30 PM", Some(45_000_000)),
        ("kk:mm", "24:30", Some(1_800_000)),
        ("HH:mm", "25:61", Some(93_660_000)),
        ("HH:mm", "24:00", Some(86_400_000)),
        ("D yyyy", "60 2024", Some(1_709_164_800_000)),
        ("yyyy D", "2024 366", Some(1_735_603_200_000)),
        ("y G", "44 BC", Some(-126_639_504_000_000)),
        ("yyyy-MM-dd", "0001-01-01", Some(-62_135_769_600_000)),
        ("yyyy-MM-dd", "1582-10-04", Some(-12_219_379_200_000)),
        ("yyyy-MM-dd", "1582-10-15", Some(-12_219_292_800_000)),
        ("yyyy-MM-dd", "0000-01-01", Some(-62_167_392_000_000)),
        ("HH:mm:ss.SSS", "12:34:56.7", Some(45_296_007)),
        ("HH:mm:ss.S", "12:34:56.789", Some(45_296_789)),
        ("HH:mm:ss.SSS", "12:34:56", None),
        ("yyyy-MM-dd HH:mm", "2024-02-29   12:34", Some(1_709_210_040_000)),
        ("yyyy-MM-dd HH:mm", "  2024- 02-29 12:34", Some(1_709_210_040_000)),
        ("yyyy-MM-ddHH", "2024-02-2912", Some(1_709_208_000_000)),
        ("MMyyyy", "22024", Some(-61_354_800_000_000)),
        ("Hmm", "1234", Some(17_640_000)),
        ("HHmm", "934", Some(335_040_000)),
        ("u yyyy-MM-dd", "1 2024-02-29", Some(1_709_164_800_000)),
        ("yyyy", "12024", Some(317_273_587_200_000)),
        ("MM", "13", Some(31_536_000_000)),
        ("dd", "31", Some(2_592_000_000)),
        ("MM-dd", "02-30", Some(5_184_000_000)),
        ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2024-02-29T12:34:56.789Z", Some(1_709_210_096_789)),
        ("yyyy-MM-dd z", "2024-02-29 GMT+1:00", Some(1_709_161_200_000)),
        ("yyyy-MM-dd z", "2024-02-29 GMT-0130", None),
        ("yyyy-MM-dd Z", "2024-02-29 +01:30", None),
        ("yyyy-MM-dd z", "2024-02-29 Z", None),
        ("yyyy-MM-dd X", "2024-02-29 z", None),
        ("yyyy-MM-dd", "", None),
        ("yyyy-MM-dd a h", "2024-02-29 PM 12", Some(1_709_208_000_000)),
        ("dd.MM.yyyy", "1.2.2024", Some(1_706_745_600_000)),
        ("HH h a", "13 5 AM", Some(18_000_000)),
    ] {
        let parsed = DateFormat::parse_pattern(pattern).unwrap().parse(text);
        assert_eq!(parsed, expected, "{pattern} {text:?}");
    }
}

#[test]
fn what_is_no_pattern_is_said_with_its_position() {
    for (pattern, expected) in [
        ("yyyy-bb", "the letter b at position 5, which means nothing in SimpleDateFormat; quotes ('b')"),
        ("yyyy 'open", "has a quote at position 5 that none closes"),
        ("HH XXXX", "more than three X, at position 3"),
        ("YYYY-MM-dd", "the letter Y at position 0, whose weeks depend on a locale"),
        ("yyyy-'W'w", "the letter w at position 8"),
        ("F", "the letter F"),
    ] {
        let reason = DateFormat::parse_pattern(pattern).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn dates_and_days_agree_on_both_sides_of_1582() {
    for days in (-800_000..800_000).step_by(97).chain(-141_800..-141_000) {
        let date = date_of(days);
        assert_eq!(day_of(date), days, "{date:?}");
        assert!(date < date_of(days + 1));
    }
}
