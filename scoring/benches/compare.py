"""The rescoring of the benchmarks in duckdb and polars, beside ours, on the same data and one thread.

    pip install duckdb polars numpy
    python3 scoring/benches/compare.py

All three hold the codes of 400000 visits x 25 items in memory and compute the same 21 figures of each visit: scores of
the visit, of 6 sections and of 8 dimensions, coverage, band, pass, caps. Conditions, N/A policies, bonus, penalty and
both caps are applied. Figures are compared by checksum before anything is timed. Each program is run in several ways of
writing it; the fastest of each counts.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "1"

import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "30"))
MISSING, NA = -1, -2


class Plan:
    """The standard in whole numbers: what each code of each item is worth, over one common denominator."""

    def __init__(self, folder):
        self.standard = json.loads((folder / "standard.json").read_text())
        self.items = self.standard["items"]
        self.index = {item["id"]: n for n, item in enumerate(self.items)}
        answers = json.loads((folder / "answers.json").read_text())
        self.values = [{code: value for code, value, _ in of} for of in answers]
        self.scores = [{code: score and Fraction(score) for code, _, score in of} for of in answers]
        self.denominator = math.lcm(*(s.denominator for of in self.scores for s in of.values() if s is not None))
        self.codes = []
        for n in range(len(self.items)):
            wide = folder / f"{n}.u16"
            file, kind = (wide, np.uint16) if wide.exists() else (folder / f"{n}.u8", np.uint8)
            self.codes.append(np.fromfile(file, kind))
        self.sections = [section["id"] for section in self.standard["sections"]]
        self.dimensions = [dimension["id"] for dimension in self.standard["dimensions"]]

    def top(self, n):
        """The codes for N/A and for missing."""
        return (65534, 65535) if self.codes[n].dtype == np.uint16 else (254, 255)

    def worth(self, n):
        """Points earned over the denominator and points possible, by code; N/A and missing by their constants."""
        item, d = self.items[n], self.denominator
        w, role = item["weight"], item.get("role", "normal")
        if role == "normal":
            found = {code: (int(s * w * d), w) for code, s in self.scores[n].items()}
            found[NA] = {"exclude": (0, 0), "zero": (0, w), "full": (w * d, w)}[item.get("na", "exclude")]
        elif role == "bonus":
            found = {code: (int(s * w * d), 0) for code, s in self.scores[n].items()}
        else:
            found = {code: (int((s - 1) * w * d), 0) for code, s in self.scores[n].items()}
        return {MISSING: (0, 0), NA: (0, 0), **found}

    def passing(self, n, test):
        """The codes of an item that pass an atom of a condition."""
        op, wanted = test["op"], test.get("value")
        if op == "is_na":
            return [self.top(n)[0]]
        number = lambda x: Fraction(str(x))  # noqa: E731
        tests = {
            "answered": lambda v: True,
            "eq": lambda v: v == wanted,
            "in": lambda v: v in wanted,
            "gt": lambda v: number(v) > number(wanted),
            "le": lambda v: number(v) <= number(wanted),
            "contains": lambda v: wanted in v,
        }
        return sorted(code for code, value in self.values[n].items() if tests[op](value))

    def shares(self):
        """For each dimension its items with their shares, in the smallest whole numbers."""
        for id in self.dimensions:
            found = []
            for n, item in enumerate(self.items):
                if item.get("role", "normal") == "normal":
                    found += [(n, d.get("share_bp", 10000)) for d in item["dimensions"] if d["id"] == id]
            factor = math.gcd(*(share for _, share in found))
            yield id, [(n, share // factor) for n, share in found]

    def most(self):
        """Above all points of a section or dimension, over the denominator."""
        sections = [sum(self.items[n]["weight"] for n in self.of_section(id)) for id in self.sections]
        dimensions = [sum(self.items[n]["weight"] * share for n, share in parts) for _, parts in self.shares()]
        return self.denominator * max(sections + dimensions)

    def of_section(self, id):
        return [n for n, item in enumerate(self.items) if item["section"] == id]

    def failing(self, n):
        return sorted(code for code, s in self.scores[n].items() if s is not None and s < 1)


def runs(codes):
    """Ascending codes as ranges."""
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


NAMES = (
    ["raw", "score", "share", "band", "passed", "capped", "insufficient"]
    + [f"s{n}" for n in range(6)]
    + [f"d{n}" for n in range(8)]
)


def checksum(values):
    values = np.asarray(values, dtype=np.int64)
    return int(((values + 2) * (np.arange(len(values)) % 8191 + 1)).sum())


# ---------------------------------------------------------------------------------------------------------------- polars


def polars_lanes(plan, how, small):
    """Expressions for the points of an item: how = "table" looks them up, "arithmetic" computes them where it can."""
    lane_type = {pl.Int16: np.int16, pl.Int32: np.int32}[small]

    def lane(n, which):
        worth, (na, missing) = plan.worth(n), plan.top(n)
        code = pl.col(f"c{n}")
        values = [worth[code][which] for code in sorted(plan.values[n])]
        steps = {b - a for a, b in zip(values, values[1:])}
        if how == "arithmetic" and len(steps) == 1:
            step, base = steps.pop(), values[0]
            inside = (code.cast(small) * pl.lit(step, small) + pl.lit(base, small)) if step else pl.lit(base, small)
            expr = pl.when(code < na).then(inside)
            if worth[NA][which]:
                expr = expr.when(code == na).then(pl.lit(worth[NA][which], small))
            return expr.otherwise(pl.lit(0, small))
        table = np.zeros(missing + 1, lane_type)
        for code_of, value in worth.items():
            table[{MISSING: missing, NA: na}.get(code_of, code_of)] = value[which]
        return pl.lit(pl.Series(table)).gather(code)

    return lane


def polars_condition(plan, condition, codes):
    if "all" in condition:
        return pl.all_horizontal([polars_condition(plan, part, codes) for part in condition["all"]])
    if "any" in condition:
        return pl.any_horizontal([polars_condition(plan, part, codes) for part in condition["any"]])
    if "not" in condition:
        return ~polars_condition(plan, condition["not"], codes)
    n = plan.index[condition["item"]]
    return polars_in(codes[n], plan.passing(n, condition))


def polars_in(code, codes):
    ranges = [(code == low) if low == high else (code >= low) & (code <= high) for low, high in runs(codes)]
    return pl.any_horizontal(ranges) if len(ranges) > 1 else ranges[0]


def polars_query(plan, how):
    d, standard = plan.denominator, plan.standard
    # "narrow" takes the narrowest type that holds every sum of points, "float" divides in floating point, which is
    # exact here: a quotient that is no whole number is further from the next one than the rounding of a double.
    small = pl.Int16 if "narrow" in how and plan.most() < 2**15 else pl.Int32
    wide = pl.Float64 if "float" in how else pl.Int64
    lane = polars_lanes(plan, how.split()[0], small)
    frame = pl.DataFrame({f"q{n}": codes for n, codes in enumerate(plan.codes)})

    query = frame.lazy().with_columns(pl.col(f"q{n}").alias(f"c{n}") for n in range(len(plan.items)))
    for n, item in enumerate(plan.items):
        if "show_if" in item:
            shown = polars_condition(plan, item["show_if"], [pl.col(f"c{n}") for n in range(len(plan.items))])
            missing = pl.lit(plan.top(n)[1], frame.schema[f"q{n}"])
            query = query.with_columns(shown.alias(f"shown{n}"))
            query = query.with_columns(pl.when(f"shown{n}").then(f"c{n}").otherwise(missing).alias(f"c{n}"))
    query = query.with_columns(
        [lane(n, 0).alias(f"e{n}") for n in range(len(plan.items))]
        + [lane(n, 1).alias(f"p{n}") for n in range(len(plan.items))]
    )

    def total(parts):
        first, *rest = parts
        for part in rest:
            first = first + part
        return first

    def share(lane, parts):
        return total([pl.col(f"{lane}{n}") * k if k > 1 else pl.col(f"{lane}{n}") for n, k in parts])

    sums = []
    for n, id in enumerate(plan.sections):
        parts = [(item, 1) for item in plan.of_section(id)]
        sums += [share("e", parts).cast(wide).alias(f"es{n}"), share("p", parts).cast(wide).alias(f"ps{n}")]
    for n, (id, parts) in enumerate(plan.shares()):
        sums += [share("e", parts).cast(wide).alias(f"ed{n}"), share("p", parts).cast(wide).alias(f"pd{n}")]
    normal = [n for n, item in enumerate(plan.items) if item.get("role", "normal") == "normal"]
    asked = sum(plan.items[n]["weight"] for n in normal)
    hidden = [(~pl.col(f"shown{n}")).cast(small) * pl.lit(plan.items[n]["weight"], small) for n in normal if "show_if" in plan.items[n]]
    sums.append((asked - total(hidden)).cast(wide).alias("asked"))
    critical = [(n, item["critical"]) for n, item in enumerate(plan.items) if "critical" in item]
    sums += [polars_in(pl.col(f"c{n}"), plan.failing(n)).alias(f"fails{n}") for n, _ in critical]
    query = query.with_columns(sums)

    def divided(e, p):
        if "float" not in how:
            return e // p
        # Without points a part has no score: 0 / 0 is no number.
        return pl.when(p > 0).then((e / p).floor())

    def rounded(e, p):
        return divided(20000 * e + d * p, 2 * d * p)

    def section_cap(n, of, other):
        for item, cap in critical:
            if cap["scope"] == "section" and plan.items[item]["section"] == plan.sections[n]:
                return pl.when(f"fails{item}").then(pl.min_horizontal(of, other(cap["cap_bp"]))).otherwise(of)
        return of

    scores, points = [], []
    for n in range(len(plan.sections)):
        e, p = pl.col(f"es{n}"), pl.col(f"ps{n}")
        score = rounded(e, p).clip(0, 10000)
        scores.append(section_cap(n, score, lambda cap: pl.lit(cap)).alias(f"s{n}"))
        points.append(section_cap(n, 10000 * e, lambda cap, p=p: cap * d * p))
    scores += [rounded(pl.col(f"ed{n}"), pl.col(f"pd{n}")).alias(f"d{n}") for n in range(len(plan.dimensions))]
    possible = total([pl.col(f"ps{n}") for n in range(len(plan.sections))])
    query = query.with_columns(scores + [total(points).alias("points"), possible.alias("possible")])
    raw = divided(2 * pl.col("points") + d * pl.col("possible"), 2 * d * pl.col("possible")).clip(0, 10000)
    share_bp = divided(20000 * pl.col("possible") + pl.col("asked"), 2 * pl.col("asked"))
    visit = [(n, cap["cap_bp"]) for n, cap in critical if cap["scope"] == "visit"]
    capped = pl.any_horizontal([pl.col(f"fails{n}") for n, _ in visit])
    query = query.with_columns(raw.alias("raw"), share_bp.alias("share"), capped.alias("capped"))
    score = pl.col("raw")
    for n, cap in visit:
        score = pl.when(f"fails{n}").then(pl.min_horizontal(score, pl.lit(cap))).otherwise(score)
    enough = 10000 * pl.col("possible") >= standard["min_scored_share_bp"] * pl.col("asked")
    insufficient = pl.col("raw").is_null() | pl.col("share").is_null() | ~enough
    query = query.with_columns(score.alias("score"), insufficient.alias("insufficient"))
    bands = sorted(enumerate(standard["bands"]), key=lambda band: -band[1]["min_bp"])
    band = pl.when("insufficient").then(None)
    for position, of in bands:
        band = band.when(pl.col("score") >= of["min_bp"]).then(pl.lit(position, pl.Int64))
    passed = (pl.col("score") >= standard["pass_bp"]) & ~pl.col("capped")
    query = query.with_columns(band.alias("band"), pl.when("insufficient").then(None).otherwise(passed).alias("passed"))
    query = query.select(NAMES)
    return lambda: query.collect()


def polars_sums(frame):
    frame = frame.select(pl.all().cast(pl.Int64).fill_null(-1))
    return {name: checksum(frame[name].to_numpy()) for name in NAMES}


# ---------------------------------------------------------------------------------------------------------------- duckdb


def duckdb_lane(plan, how):
    def lane(n, which):
        worth, (na, missing) = plan.worth(n), plan.top(n)
        code = f"c{n}"
        codes = sorted(plan.values[n])
        values = [worth[code][which] for code in codes]
        steps = {b - a for a, b in zip(values, values[1:])}
        if len(steps) == 1 and how != "join":
            step, base = steps.pop(), values[0]
            inside = f"{code}::INTEGER * {step} + {base}" if step else str(base)
            more = f"WHEN {code} = {na} THEN {worth[NA][which]} " if worth[NA][which] else ""
            return f"CASE WHEN {code} < {na} THEN {inside} {more}ELSE 0 END"
        if len(values) <= 16 and how != "join":
            cases = " ".join(f"WHEN {code} THEN {value}" for code, value in zip(codes, values) if value)
            more = f"WHEN {na} THEN {worth[NA][which]} " if worth[NA][which] else ""
            return f"CASE {code} {cases} {more}ELSE 0 END"
        if how == "list":
            listed = ",".join(map(str, values))
            return f"CASE WHEN {code} < {na} THEN list_extract([{listed}]::INTEGER[], {code}::INTEGER + 1) ELSE 0 END"
        return f"t{n}.{'ep'[which]}"

    return lane


def duckdb_condition(plan, condition):
    for word, glue in [("all", " AND "), ("any", " OR ")]:
        if word in condition:
            return "(" + glue.join(duckdb_condition(plan, part) for part in condition[word]) + ")"
    if "not" in condition:
        return f"(NOT {duckdb_condition(plan, condition['not'])})"
    n = plan.index[condition["item"]]
    return duckdb_in(f"c{n}", plan.passing(n, condition))


def duckdb_in(code, codes):
    ranges = [f"{code} = {low}" if low == high else f"{code} BETWEEN {low} AND {high}" for low, high in runs(codes)]
    return "(" + " OR ".join(ranges) + ")"


def duckdb_query(plan, how):
    d, standard = plan.denominator, plan.standard
    con = duckdb.connect()
    con.execute("SET threads = 1; SET error_on_division_by_zero = false")
    arrays = {f"c{n}": codes for n, codes in enumerate(plan.codes)}
    con.execute("CREATE TABLE answers AS SELECT * FROM arrays")
    lane = duckdb_lane(plan, how)
    joined = []
    for n in range(len(plan.items)):
        if lane(n, 0).startswith("t"):
            joined.append(n)
            na, missing = plan.top(n)
            rows = [({MISSING: missing, NA: na}.get(code, code), *worth) for code, worth in plan.worth(n).items()]
            con.execute(f"CREATE TABLE t{n} (code {'USMALLINT' if na > 255 else 'UTINYINT'}, e INTEGER, p INTEGER)")
            con.executemany(f"INSERT INTO t{n} VALUES (?, ?, ?)", rows)

    stages, source = [], "answers"
    for n, item in enumerate(plan.items):
        if "show_if" in item:
            stages.append(
                f"h{n} AS (SELECT * REPLACE (CASE WHEN shown{n} THEN c{n} ELSE {plan.top(n)[1]} END AS c{n}) FROM "
                f"(SELECT *, {duckdb_condition(plan, item['show_if'])} AS shown{n} FROM {source}))"
            )
            source = f"h{n}"
    hidden = [n for n, item in enumerate(plan.items) if "show_if" in item]
    critical = [(n, item["critical"]) for n, item in enumerate(plan.items) if "critical" in item]
    lanes = [f"{lane(n, which)} AS {'ep'[which]}{n}" for n in range(len(plan.items)) for which in (0, 1)]
    fails = [f"{duckdb_in(f'c{n}', plan.failing(n))} AS fails{n}" for n, _ in critical]
    joins = " ".join(f"JOIN t{n} ON {source}.c{n} = t{n}.code" for n in joined)
    shown = [f"shown{n}" for n in hidden]
    stages.append(f"lanes AS (SELECT {', '.join(lanes + fails + shown)} FROM {source} {joins})")

    def share(lane, parts):
        return "(" + " + ".join(f"{lane}{n} * {k}" if k > 1 else f"{lane}{n}" for n, k in parts) + ")::BIGINT"

    sums = []
    for n, id in enumerate(plan.sections):
        parts = [(item, 1) for item in plan.of_section(id)]
        sums += [f"{share('e', parts)} AS es{n}", f"{share('p', parts)} AS ps{n}"]
    for n, (id, parts) in enumerate(plan.shares()):
        sums += [f"{share('e', parts)} AS ed{n}", f"{share('p', parts)} AS pd{n}"]
    normal = [n for n, item in enumerate(plan.items) if item.get("role", "normal") == "normal"]
    asked = sum(plan.items[n]["weight"] for n in normal)
    lost = " - ".join(f"CASE WHEN shown{n} THEN 0 ELSE {plan.items[n]['weight']} END" for n in hidden if n in normal)
    sums.append(f"({asked} - {lost})::BIGINT AS asked")
    stages.append(f"sums AS (SELECT {', '.join(sums + [f'fails{n}' for n, _ in critical])} FROM lanes)")

    def rounded(e, p):
        return f"(20000 * {e} + {d} * {p}) // (2 * {d} * {p})"

    def section_cap(n, of, other):
        for item, cap in critical:
            if cap["scope"] == "section" and plan.items[item]["section"] == plan.sections[n]:
                return f"CASE WHEN fails{item} THEN LEAST({of}, {other(cap['cap_bp'])}) ELSE {of} END"
        return of

    scores, points = [], []
    for n in range(len(plan.sections)):
        # LEAST and GREATEST skip nulls, so a section without points needs a case of its own.
        score = f"LEAST(10000, GREATEST(0, {rounded(f'es{n}', f'ps{n}')}))"
        score = section_cap(n, score, str)
        scores.append(f"CASE WHEN ps{n} > 0 THEN {score} END AS s{n}")
        points.append(section_cap(n, f"10000 * es{n}", lambda cap, n=n: f"{cap * d} * ps{n}"))
    scores += [f"{rounded(f'ed{n}', f'pd{n}')} AS d{n}" for n in range(len(plan.dimensions))]
    possible = " + ".join(f"ps{n}" for n in range(len(plan.sections)))
    visit = [(n, cap["cap_bp"]) for n, cap in critical if cap["scope"] == "visit"]
    capped = " OR ".join(f"fails{n}" for n, _ in visit)
    kept = ", ".join(scores + [f"{' + '.join(points)} AS points", f"{possible} AS possible", "asked", f"{capped} AS capped"])
    stages.append(f"scores AS (SELECT {kept} FROM sums)")
    raw = f"CASE WHEN possible > 0 THEN LEAST(10000, GREATEST(0, (2 * points + {d} * possible) // (2 * {d} * possible))) END"
    names = ", ".join([f"s{n}" for n in range(6)] + [f"d{n}" for n in range(8)])
    stages.append(
        f"visits AS (SELECT {names}, capped, {raw} AS raw, (20000 * possible + asked) // (2 * asked) AS share, "
        f"10000 * possible >= {standard['min_scored_share_bp']} * asked AS enough FROM scores)"
    )
    cap = min(cap for _, cap in visit)
    stages.append(
        f"judged AS (SELECT *, CASE WHEN capped THEN LEAST(raw, {cap}) ELSE raw END AS score, "
        "raw IS NULL OR share IS NULL OR NOT enough AS insufficient FROM visits)"
    )
    bands = sorted(enumerate(standard["bands"]), key=lambda band: -band[1]["min_bp"])
    band = " ".join(f"WHEN score >= {of['min_bp']} THEN {position}" for position, of in bands)
    stages.append(
        f"done AS (SELECT *, CASE WHEN insufficient THEN NULL {band} END AS band, CASE WHEN insufficient THEN NULL "
        f"ELSE score >= {standard['pass_bp']} AND NOT capped END AS passed FROM judged)"
    )
    statement = f"WITH {', '.join(stages)} SELECT {', '.join(NAMES)} FROM done"
    if how.endswith("numpy"):
        return lambda: con.execute(statement).fetchnumpy()

    def run():
        con.execute(f"CREATE OR REPLACE TEMP TABLE result AS {statement}")
        return con

    return run


def duckdb_sums(con):
    names = ", ".join(f"coalesce({name}::BIGINT, -1) AS {name}" for name in NAMES)
    found = con.execute(f"SELECT {names} FROM result").fetchnumpy()
    return {name: checksum(found[name]) for name in NAMES}


# ------------------------------------------------------------------------------------------------------------------ ours


class Ours:
    def __init__(self, folder):
        build = ["cargo", "build", "--release", "--offline", "-p", "peegel-scoring", "--example", "rescore_data"]
        subprocess.run(build, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        program = [target / "release/examples/rescore_data", folder]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.process.stdout.readline() == "ready\n"

        # The clock of the processor time of another process, as clock_getcpuclockid(3) makes it.
        self.clock = (~self.process.pid << 3) | 2

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(folder)
        plan = Plan(Path(folder))
        runs = {"peegel": lambda: ours.ask("score")}
        runs |= {f"polars {how}": polars_query(plan, how) for how in ("table", "arithmetic", "arithmetic narrow", "arithmetic narrow float")}
        runs |= {f"duckdb {how}": duckdb_query(plan, how) for how in ("list", "case and join", "join")}
        runs["peegel"]()
        expected = json.loads(ours.ask("sums"))
        for name, run in runs.items():
            if name == "peegel":
                continue
            found = (polars_sums if name.startswith("polars") else duckdb_sums)(run())
            wrong = [figure for figure in NAMES if found[figure] != expected[figure]]
            if wrong:
                sys.exit(f"{name}: other results in {', '.join(wrong)}")
        print(f"{len(NAMES)} figures of {len(plan.codes[0])} visits are equal in all of them; best of {ROUNDS} rounds:")
        # Taking turns, so that a busy moment of the machine hits all of them. Processor time, because it does not
        # count the time that other programs take.
        wall, cpu = dict.fromkeys(runs, math.inf), dict.fromkeys(runs, math.inf)
        for _ in range(ROUNDS):
            for name, run in runs.items():
                clock = ours.clock if name == "peegel" else time.CLOCK_PROCESS_CPUTIME_ID
                began, busy = time.perf_counter(), time.clock_gettime(clock)
                run()
                busy = time.clock_gettime(clock) - busy
                wall[name] = min(wall[name], time.perf_counter() - began)
                cpu[name] = min(cpu[name], busy)
        answers = len(plan.codes) * len(plan.codes[0])
        print(f"{'':24}{'processor':>14}{'wall clock':>14}{'answers/s':>14}{'processor time':>20}")
        for name in runs:
            times = f"{cpu[name] / cpu['peegel']:.1f} x ours"
            rate = f"{answers / cpu[name] / 1e6:.0f} M"
            print(f"{name:24}{1000 * cpu[name]:11.1f} ms{1000 * wall[name]:11.1f} ms{rate:>14}{times:>20}")
        ours.close()


if __name__ == "__main__":
    main()
