//! The words of letters, in English, Estonian and Hungarian.

/// What a letter says.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    /// The subject.
    pub subject: String,
    /// The body, plain text.
    pub body: String,
}

/// What a letter is about.
#[derive(Clone, Copy)]
pub enum About<'a> {
    /// An invitation by a firm, with the link to accept it.
    Invitation {
        /// The firm's name.
        firm: &'a str,
        /// The link, or the bare code.
        link: &'a str,
    },
    /// A password reset, with the link.
    Reset {
        /// The link, or the bare code.
        link: &'a str,
    },
    /// The password was changed.
    PasswordChanged,
    /// A second factor was set up.
    SecondFactorSetUp,
    /// The second factor was removed.
    SecondFactorRemoved,
    /// Somebody has the password and guesses at the second factor.
    WrongCodes,
}

/// Writes a letter in a language; in English when it is none of ours. `name` is how the person wants to be called.
pub fn text(locale: &str, name: &str, about: About) -> Text {
    let (name, firm) =
        (one_line(name), if let About::Invitation { firm, .. } = about { one_line(firm) } else { String::new() });
    let (subject, body) = match locale {
        "et" => estonian(&firm, about),
        "hu" => hungarian(&firm, about),
        _ => english(&firm, about),
    };
    letter(locale, &name, subject, &body)
}

/// A letter in a language to somebody with this name, which may be any text.
pub fn letter(locale: &str, name: &str, subject: String, body: &str) -> Text {
    let name = one_line(name);
    let greeting = match locale {
        "et" => format!("Tere, {name}!"),
        "hu" => format!("Kedves {name}!"),
        _ => format!("Hello {name},"),
    };
    Text { subject, body: format!("{greeting}\n\n{body}\n\nPeegel\n") }
}

/// A name on one line: what people call themselves must not look like lines of ours.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn english(firm: &str, about: About) -> (String, String) {
    match about {
        About::Invitation { link, .. } => (
            format!("{firm} invites you to Peegel"),
            format!(
                "{firm} would like to work with you in Peegel, where mystery-shopping visits are filed and read.\n\nTo \
                 accept, use this within seven days; it works once:\n\n{link}\n\nIf you do not know {firm}, do nothing: \
                 without your consent the firm gets no access to you, and you get none to it."
            ),
        ),
        About::Reset { link } => (
            "Choose a new Peegel password".to_owned(),
            format!(
                "Somebody asked to reset the password of this address.\n\nTo choose a new one, use this within an hour; it \
                 works once:\n\n{link}\n\nIf that was not you, do nothing: the password stays as it is."
            ),
        ),
        About::PasswordChanged => (
            "Your Peegel password was changed".to_owned(),
            "Your password was changed just now, and your other devices were signed out.\n\nIf that was not you, reset the \
             password at once and tell your firm."
                .to_owned(),
        ),
        About::SecondFactorSetUp => (
            "A second factor was set up for Peegel".to_owned(),
            "From now on signing in takes a code from your authenticator app.\n\nIf that was not you, tell your firm at once."
                .to_owned(),
        ),
        About::WrongCodes => (
            "Somebody knows your Peegel password".to_owned(),
            "Somebody signed in with your password and sent several wrong codes of the second factor.\n\nIf that was not \
             you, reset the password now: only the second factor still keeps them out."
                .to_owned(),
        ),
        About::SecondFactorRemoved => (
            "The second factor of your Peegel account was removed".to_owned(),
            "From now on signing in takes the password alone.\n\nIf that was not you, reset the password at once and tell \
             your firm."
                .to_owned(),
        ),
    }
}

fn estonian(firm: &str, about: About) -> (String, String) {
    match about {
        About::Invitation { link, .. } => (
            format!("{firm} kutsub sind Peegelisse"),
            format!(
                "{firm} soovib sinuga koos töötada Peegelis, kus esitatakse ja loetakse testostukülastusi.\n\nKutse \
                 vastuvõtmiseks kasuta seda seitsme päeva jooksul; see töötab ühe korra:\n\n{link}\n\nKui sa seda ettevõtet \
                 ({firm}) ei tunne, ära tee midagi: ilma sinu nõusolekuta ei saa kumbki teise andmetele ligi."
            ),
        ),
        About::Reset { link } => (
            "Vali uus Peegeli parool".to_owned(),
            format!(
                "Keegi palus selle aadressi parooli lähtestada.\n\nUue parooli valimiseks kasuta seda ühe tunni jooksul; see \
                 töötab ühe korra:\n\n{link}\n\nKui see ei olnud sina, ära tee midagi: parool jääb endiseks."
            ),
        ),
        About::PasswordChanged => (
            "Sinu Peegeli parool muudeti".to_owned(),
            "Sinu parool muudeti äsja ja sinu teised seadmed logiti välja.\n\nKui see ei olnud sina, lähtesta parool kohe \
             ja teata oma ettevõttele."
                .to_owned(),
        ),
        About::SecondFactorSetUp => (
            "Peegelis seadistati teine autentimistegur".to_owned(),
            "Nüüdsest on sisselogimiseks vaja ka autentimisrakenduse koodi.\n\nKui see ei olnud sina, teata sellest kohe oma \
             ettevõttele."
                .to_owned(),
        ),
        About::WrongCodes => (
            "Keegi teab sinu Peegeli parooli".to_owned(),
            "Keegi sisestas sinu parooli ja seejärel mitu valet teise autentimisteguri koodi.\n\nKui see ei olnud sina, \
             lähtesta parool kohe: teda peatab veel ainult teine autentimistegur."
                .to_owned(),
        ),
        About::SecondFactorRemoved => (
            "Sinu Peegeli konto teine autentimistegur eemaldati".to_owned(),
            "Nüüdsest piisab sisselogimiseks paroolist.\n\nKui see ei olnud sina, lähtesta parool kohe ja teata oma \
             ettevõttele."
                .to_owned(),
        ),
    }
}

fn hungarian(firm: &str, about: About) -> (String, String) {
    match about {
        About::Invitation { link, .. } => (
            format!("{firm} meghívja Önt a Peegel rendszerbe"),
            format!(
                "{firm} együtt szeretne dolgozni Önnel a Peegel rendszerben, ahol próbavásárlásokat rögzítenek és \
                 értékelnek.\n\nA meghívást ezzel fogadhatja el hét napon belül; egyszer használható:\n\n{link}\n\nHa nem \
                 ismeri ezt a céget ({firm}), ne tegyen semmit: az Ön beleegyezése nélkül egyik fél sem fér hozzá a másik \
                 adataihoz."
            ),
        ),
        About::Reset { link } => (
            "Új Peegel-jelszó megadása".to_owned(),
            format!(
                "Valaki új jelszót kért ehhez a címhez.\n\nÚj jelszót ezzel adhat meg egy órán belül; egyszer \
                 használható:\n\n{link}\n\nHa nem Ön kérte, ne tegyen semmit: a jelszó nem változik."
            ),
        ),
        About::PasswordChanged => (
            "Megváltozott a Peegel-jelszava".to_owned(),
            "A jelszava az imént megváltozott, a többi eszközén kijelentkeztettük.\n\nHa nem Ön tette, azonnal kérjen új \
             jelszót, és szóljon a cégének."
                .to_owned(),
        ),
        About::SecondFactorSetUp => (
            "Kétlépcsős azonosítás bekapcsolva a Peegelben".to_owned(),
            "Mostantól a bejelentkezéshez a hitelesítő alkalmazás kódja is kell.\n\nHa nem Ön tette, azonnal szóljon a \
             cégének."
                .to_owned(),
        ),
        About::WrongCodes => (
            "Valaki ismeri a Peegel-jelszavát".to_owned(),
            "Valaki megadta az Ön jelszavát, majd többször hibás azonosító kódot írt be.\n\nHa nem Ön volt, azonnal kérjen \
             új jelszót: már csak a kétlépcsős azonosítás tartja távol."
                .to_owned(),
        ),
        About::SecondFactorRemoved => (
            "Kétlépcsős azonosítás kikapcsolva a Peegelben".to_owned(),
            "Mostantól a bejelentkezéshez elég a jelszó.\n\nHa nem Ön tette, azonnal kérjen új jelszót, és szóljon a \
             cégének."
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_written_in_every_language_and_carries_its_link() {
        let invitation = About::Invitation { firm: "Hõbekaja\r\nBcc: x@y.example", link: "https://x.example/#code" };
        let reset = About::Reset { link: "https://x.example/#code" };
        let all = [
            invitation,
            reset,
            About::PasswordChanged,
            About::SecondFactorSetUp,
            About::SecondFactorRemoved,
            About::WrongCodes,
        ];
        for (number, about) in all.into_iter().enumerate() {
            let texts = ["en", "et", "hu"].map(|locale| text(locale, "Mari\nMaasikas", about));
            assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2]);
            for Text { subject, body } in texts {
                assert!(!subject.contains(['\r', '\n']) && subject.chars().count() <= 100, "{subject}");
                assert!(body.contains("Mari Maasikas"), "{body}");
                assert_eq!(body.contains("\nhttps://x.example/#code\n"), number < 2, "{body}");
            }
        }
        assert_eq!(text("fi", "M", reset), text("en", "M", reset));
    }
}
