//! Tokens, salts and random bits. They always come from the operating system.

use sha2::{Digest, Sha256};

/// Digits and letters: what can be selected by a double click and needs no escaping anywhere.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Letters and digits that nobody mistakes for each other; for what people copy from paper.
const READABLE: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// Random characters of a token: 256 bits.
const TOKEN_CHARS: usize = 43;
/// Of these, the first ones of a refresh token, which all of a device share: 125 bits. The other 131 are new each time.
const DEVICE_CHARS: usize = 21;
/// Characters of a token's checksum: enough for a CRC-32.
const CHECK_CHARS: usize = 6;

/// What a token opens. Its word stands in front of the token, so that programs that search for leaked secrets
/// recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A signed-in device, for minutes.
    Access,
    /// The next pair of tokens of a device.
    Refresh,
    /// A program.
    ApiKey,
    /// An invitation or a password reset, once.
    Link,
    /// One upload, as part of its address.
    Upload,
}

impl TokenKind {
    /// The word in front.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "pgl_at_",
            Self::Refresh => "pgl_rt_",
            Self::ApiKey => "pgl_key_",
            Self::Link => "pgl_lnk_",
            Self::Upload => "pgl_up_",
        }
    }

    /// A new token: the prefix, 256 random bits, and the CRC-32 of both, in digits and letters.
    pub fn new_token(self) -> String {
        self.with_check(&random_text::<TOKEN_CHARS>(BASE62))
    }

    /// The token that stands for 256 bits in hex, such as a mark of the vault.
    pub fn of_mark(self, mark: &str) -> String {
        let mut digits: Vec<u32> = mark.chars().filter_map(|c| c.to_digit(16)).collect();
        let mut text = [0; TOKEN_CHARS];
        for place in text.iter_mut().rev() {
            // The number divided by 62, digit by digit.
            let rest = digits.iter_mut().fold(0, |rest, digit| {
                let part = rest * 16 + *digit;
                *digit = part / 62;
                part % 62
            });
            *place = BASE62[usize::try_from(rest).unwrap_or(0)];
        }
        self.with_check(&text.map(char::from).iter().collect::<String>())
    }

    fn with_check(self, text: &str) -> String {
        let token = format!("{}{text}", self.prefix());
        let check = checksum(&token);
        token + &check
    }

    /// The token of this kind that follows another one of the same device: its first half is the same, by which a
    /// token is still recognised when nothing else is kept of it.
    pub fn next_token(self, token: &str) -> String {
        let device = device_part(self, token);
        let random = format!("{}{device}{}", self.prefix(), random_text::<{ TOKEN_CHARS - DEVICE_CHARS }>(BASE62));
        let check = checksum(&random);
        random + &check
    }

    /// What is stored of the part that all tokens of a device share: its sha256 in lower-case hex.
    pub fn device_sha256(self, token: &str) -> String {
        token_sha256(device_part(self, token))
    }

    /// Whether a text has the form and the checksum of such a token. What has not is no question for the database.
    pub fn is_token(self, text: &str) -> bool {
        let Some(body) = text.strip_prefix(self.prefix()) else { return false };
        if body.len() != TOKEN_CHARS + CHECK_CHARS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return false;
        }
        let (random, check) = text.split_at(text.len() - CHECK_CHARS);
        checksum(random) == check
    }
}

/// The part of a token that [`TokenKind::is_token`] that its device keeps.
fn device_part(kind: TokenKind, token: &str) -> &str {
    let from = kind.prefix().len();
    token.get(from..from + DEVICE_CHARS).unwrap_or_default()
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [0; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// Random bytes from the operating system.
///
/// # Panics
///
/// When the system has no randomness to give: nothing safe can be done then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// `CHARS` random characters of an alphabet, each as likely as the others.
fn random_text<const CHARS: usize>(alphabet: &[u8]) -> String {
    let fair = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(CHARS);
    while text.len() < CHARS {
        let usable = random_bytes::<64>().into_iter().map(usize::from).filter(|byte| *byte < fair);
        text.extend(usable.take(CHARS - text.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    text
}

/// A password that nobody has to think of, of 142 bits.
pub fn new_password() -> String {
    random_text::<24>(BASE62)
}

/// A code of 120 bits that can be written down: six groups of four.
pub fn new_paper_code() -> String {
    let code = random_text::<24>(READABLE);
    [&code[..4], &code[4..8], &code[8..12], &code[12..16], &code[16..20], &code[20..]].join("-")
}

/// What is stored of a token: its sha256 in lower-case hex.
pub fn token_sha256(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// The sha256 of some bytes in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_a_prefix_and_a_checksum() {
        use TokenKind::{Access, ApiKey, Link, Refresh, Upload};
        for kind in [Access, Refresh, ApiKey, Link, Upload] {
            let token = kind.new_token();
            assert_eq!(token.len(), kind.prefix().len() + 49, "{token}");
            assert!(kind.is_token(&token), "{token}");
            assert_ne!(token, kind.new_token());
            for (at, old) in token.char_indices() {
                let new = if old == 'x' { "y" } else { "x" };
                let mut typo = token.clone();
                typo.replace_range(at..=at, new);
                assert!(!kind.is_token(&typo), "{typo}");
            }
            assert!(!kind.is_token(&token[..token.len() - 1]));
            assert!(!kind.is_token(&format!("{token}0")));
        }
        assert!(!Refresh.is_token(&Access.new_token()));
        assert!(!Access.is_token("pgl_at_made_up"));
    }

    #[test]
    fn a_mark_makes_a_token_that_is_the_same_each_time() {
        let (mark, most) = (hex(&random_bytes::<32>()), "f".repeat(64));
        let token = TokenKind::Upload.of_mark(&mark);
        assert!(TokenKind::Upload.is_token(&token), "{token}");
        assert_eq!(token, TokenKind::Upload.of_mark(&mark));
        assert_ne!(token, TokenKind::Upload.of_mark(&most));
        // 62^42 = 100..0 in base 62; 2^256 - 1 takes all 43 digits.
        assert!(TokenKind::Upload.of_mark("3d").starts_with(&format!("pgl_up_{}z", "0".repeat(42))));
        assert!(!TokenKind::Upload.of_mark(&most).starts_with("pgl_up_0"));
    }

    #[test]
    fn tokens_of_a_device_share_their_first_half() {
        let kind = TokenKind::Refresh;
        let first = kind.new_token();
        let next = kind.next_token(&first);
        assert!(kind.is_token(&next) && next.len() == first.len(), "{next}");
        assert_eq!(kind.device_sha256(&first), kind.device_sha256(&next));
        let own = |token: &str| token[7 + DEVICE_CHARS..7 + TOKEN_CHARS].to_owned();
        assert_ne!(own(&first), own(&next));
        assert_ne!(kind.device_sha256(&first), kind.device_sha256(&kind.new_token()));
        assert_ne!(kind.device_sha256(&first), token_sha256(&first));
    }

    #[test]
    fn the_checksum_is_a_crc_32_in_base_62() {
        // The CRC-32 of "123456789" is 0xCBF43926; in base 62 its digits are 3 45 35 27 22 14.
        assert_eq!(checksum("123456789"), "3jZRME");
    }

    #[test]
    fn codes_for_paper_are_in_groups() {
        let code = new_paper_code();
        assert_eq!(code.len(), 29);
        assert!(
            code.split('-').all(|group| group.len() == 4 && group.bytes().all(|b| READABLE.contains(&b))),
            "{code}"
        );
        assert_ne!(new_password(), new_password());
    }
}
