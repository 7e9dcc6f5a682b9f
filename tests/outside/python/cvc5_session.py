"""cvc5 from PyPI as a solver that reads SMT-LIB from standard input and answers as it goes, like cvc5's own program."""

import sys

import cvc5


def depth_after(line: str, depth: int) -> int:
    """How many parentheses are open after the line; strings and |symbols| may hold some."""
    quoted = None
    for char in line:
        if quoted:
            quoted = None if char == quoted else quoted
        elif char in '"|':
            quoted = char
        elif char == ";":
            break
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
    return depth


def fresh() -> tuple[cvc5.Solver, cvc5.SymbolManager]:
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    # a question that takes longer, in milliseconds, counts as unanswered
    solver.setOption("tlimit-per", "120000")
    return solver, cvc5.SymbolManager(terms)


def main() -> None:
    solver, symbols = fresh()
    text, depth = "", 0
    for line in sys.stdin:
        text += line
        depth = depth_after(line, depth)
        if depth > 0:
            continue
        if text.strip() == "(reset)":
            solver, symbols = fresh()
            text = ""
            continue
        parser = cvc5.InputParser(solver, symbols)
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "stdin")
        text = ""
        while not (command := parser.nextCommand()).isNull():
            answer = command.invoke(solver, symbols)
            if answer and answer.strip() != "success":
                sys.stdout.write(answer if answer.endswith("\n") else answer + "\n")
                sys.stdout.flush()


main()
