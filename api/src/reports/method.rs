//! The method note: what the figures are, in words a manager can use.

use super::{
    canvas::INK,
    layout::{BODY, Flow},
    report::{BranchReport, Lang},
    text::Weight,
    words::fill,
};

/// Paragraphs as (what, explanation).
type Note = [(&'static str, &'static str); 6];

const EN: Note = [
    (
        "The score.",
        "A visit earns a share of the points its standard allows; that share, in percent, is its score. The branch's score is the plain mean of its visits in this wave. Each visit counts the same.",
    ),
    (
        "Not applicable.",
        "Unless the standard says otherwise, a question that did not apply leaves both sums: it neither helps nor harms.",
    ),
    (
        "Critical items.",
        "Missing a critical item can limit the score or fail the visit, however well the rest went. The standard names these items and what they do.",
    ),
    (
        "Points to gain.",
        "How much the mean would rise if the item were always met. Gains of several items cannot always be added up.",
    ),
    (
        "Few visits.",
        "A handful of visits shows what happened on those days. It does not measure a branch exactly, and a few points up or down can be chance.",
    ),
    ("Questions.", "The report looks at service, not at persons. If a finding looks wrong to you, ask {firm}."),
];
const ET: Note = [
    (
        "Tulemus.",
        "Iga külastus kogub osa punktidest, mida standard võimaldab; see osa protsentides ongi külastuse tulemus. Teeninduskoha tulemus on selle laine külastuste lihtne keskmine. Kõik külastused loevad võrdselt.",
    ),
    (
        "Ei kohaldu.",
        "Kui standard ei ütle teisiti, jääb küsimus, mis ei kohaldunud, arvestusest välja: see ei tõsta ega langeta tulemust.",
    ),
    (
        "Kriitilised nõuded.",
        "Kriitilise nõude täitmata jätmine võib tulemust piirata või külastuse läbikukkunuks muuta, ükskõik kui hästi ülejäänu läks. Need nõuded ja nende mõju on standardis kirjas.",
    ),
    (
        "Võimalik võit.",
        "Nii palju tõuseks keskmine tulemus, kui nõue oleks alati täidetud. Mitme nõude võite ei saa alati kokku liita.",
    ),
    (
        "Vähe külastusi.",
        "Mõni külastus näitab, mis juhtus just neil päevadel. Täpset pilti teeninduskohast see ei anna ning paari protsendipunkti suurune tõus või langus võib olla juhus.",
    ),
    (
        "Küsimused.",
        "Aruanne vaatleb teenindust, mitte inimesi. Kui mõni hinnang tundub teile vale, küsige meilt: {firm}.",
    ),
];
const HU: Note = [
    (
        "Az eredmény.",
        "Minden látogatás a standard szerint elérhető pontok egy részét szerzi meg; ez az arány százalékban a látogatás eredménye. Az egység eredménye a hullám látogatásainak egyszerű átlaga, minden látogatás azonos súllyal számít.",
    ),
    (
        "Nem értelmezhető.",
        "Ha a standard másként nem rendelkezik, az a kérdés, amely nem volt értelmezhető, kimarad a számításból: nem javít és nem ront.",
    ),
    (
        "Kritikus szempontok.",
        "Egy kritikus szempont elmulasztása korlátozhatja az eredményt, vagy sikertelenné teheti a látogatást, bármilyen jó is a többi. Ezeket a szempontokat és hatásukat a standard rögzíti.",
    ),
    (
        "A nyerhető százalékpont.",
        "Ennyivel nőne az átlag, ha a szempont mindig teljesülne. Több szempont nyeresége nem mindig adható össze.",
    ),
    (
        "Kevés látogatás.",
        "Néhány látogatás azt mutatja meg, mi történt azokon a napokon. Az egységet nem méri pontosan, és a néhány százalékpontos eltérés véletlen is lehet.",
    ),
    (
        "Kérdések.",
        "A jelentés a kiszolgálásról szól, nem személyekről. Ha egy megállapítást tévesnek tartotok, kérdezzetek minket: {firm}.",
    ),
];

const TITLE: [&str; 3] = ["How to read this report", "Kuidas aruannet lugeda", "Hogyan olvassátok a jelentést"];

/// Draws the note at the end of the report.
pub(super) fn draw(flow: &mut Flow, report: &BranchReport) {
    let (title, note) = match report.lang {
        Lang::En => (TITLE[0], &EN),
        Lang::Et => (TITLE[1], &ET),
        Lang::Hu => (TITLE[2], &HU),
    };
    // The whole note on one page: two paragraphs alone on the last one look lost.
    flow.heading(title, 215.0);
    let firm = report.firm_name.trim();
    for (what, explanation) in note {
        let text = fill(explanation, &[("firm", if firm.is_empty() { "–" } else { firm })]);
        flow.lead_paragraph(what, &text, BODY, INK, Weight::Regular);
    }
}
