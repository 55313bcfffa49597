//! `ssl.cipher.suites`: Java has the names of the standard, OpenSSL its own.
//!
//! librdkafka gives the list to OpenSSL for TLS up to 1.2. The suites of TLS 1.3 cannot be chosen; all three are offered.

/// What becomes of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suites {
    /// OpenSSL's list.
    pub(super) list: String,
    /// Suites of TLS 1.3 that were named.
    pub(super) unchosen: Vec<String>,
}

/// Java's list, or OpenSSL's, in OpenSSL's words.
///
/// # Errors
/// Which suite there is not.
pub(super) fn suites(list: &str) -> Result<Suites, String> {
    let (mut chosen, mut unchosen) = (Vec::new(), Vec::new());
    for name in list.split([',', ':']).map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            // No suite, but a sign that renegotiations are safe; OpenSSL gives it by itself.
            "TLS_EMPTY_RENEGOTIATION_INFO_SCSV" => {}
            name if name.starts_with("SSL_") || name.starts_with("TLS_") && name.contains("_WITH_") => {
                let known = openssl(name);
                chosen.push(known.ok_or_else(|| format!("OpenSSL has no {name}, or does not take it any more"))?);
            }
            name if name.starts_with("TLS_") => unchosen.push(name.to_owned()),
            // OpenSSL's own.
            name => chosen.push(name.to_owned()),
        }
    }
    if chosen.is_empty() {
        let reason = "names no suite of TLS 1.2; those of TLS 1.3 cannot be chosen, all of them are offered: add suites of \
                      TLS 1.2, or remove it";
        return Err(reason.to_owned());
    }
    Ok(Suites { list: chosen.join(":"), unchosen })
}

/// OpenSSL's name of a suite of TLS 1.2.
fn openssl(name: &str) -> Option<String> {
    let (exchange, cipher) = name.strip_prefix("TLS_")?.split_once("_WITH_")?;
    let exchange = match exchange {
        "ECDHE_ECDSA" => "ECDHE-ECDSA-",
        "ECDHE_RSA" => "ECDHE-RSA-",
        "DHE_RSA" => "DHE-RSA-",
        "RSA" => "",
        _ => return None,
    };
    let cipher = match cipher {
        "AES_128_GCM_SHA256" => "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384" => "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256" if !exchange.is_empty() => "CHACHA20-POLY1305",
        "AES_128_CBC_SHA" => "AES128-SHA",
        "AES_256_CBC_SHA" => "AES256-SHA",
        "AES_128_CBC_SHA256" => "AES128-SHA256",
        "AES_256_CBC_SHA384" if exchange.starts_with("ECDHE") => "AES256-SHA384",
        "AES_256_CBC_SHA256" if !exchange.starts_with("ECDHE") => "AES256-SHA256",
        _ => return None,
    };
    Some(format!("{exchange}{cipher}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_openssls() {
        let of = |list: &str| suites(list).map(|suites| (suites.list, suites.unchosen.join(" ")));
        let java = "TLS_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, \
                    TLS_DHE_RSA_WITH_AES_256_CBC_SHA256,TLS_RSA_WITH_AES_128_GCM_SHA256,TLS_EMPTY_RENEGOTIATION_INFO_SCSV,\
                    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
        let openssl = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA:DHE-RSA-AES256-SHA256:AES128-GCM-SHA256:\
                       ECDHE-RSA-CHACHA20-POLY1305";
        assert_eq!(of(java), Ok((openssl.to_owned(), "TLS_AES_256_GCM_SHA384".to_owned())));
        assert_eq!(of("HIGH:!aNULL:!MD5"), Ok(("HIGH:!aNULL:!MD5".to_owned(), String::new())));
        assert!(of("TLS_AES_128_GCM_SHA256").unwrap_err().contains("names no suite of TLS 1.2"));
        assert!(of("TLS_RSA_WITH_RC4_128_SHA").unwrap_err().contains("TLS_RSA_WITH_RC4_128_SHA"));
        assert!(of("SSL_RSA_WITH_3DES_EDE_CBC_SHA,AES128-SHA").is_err());
    }
}
