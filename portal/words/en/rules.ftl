# Words of standing rules.

rules-title = Standing rules
rules-short = Say once what may be agreed to without asking you each time.
rules-lead = Say once what may be agreed to, and what may not. You see what a rule would have done before you sign it, and you end it with one action.
rules-none = You have no rules
rules-none-says = You are asked each time. That is fine: a rule only spares you the asking.
rules-new = A new rule
rules-answerable = { $n ->
    [one] One request can be answered by your rules
   *[other] { $n } requests can be answered by your rules
}
rules-answerable-says = Your browser signs the answers, with a key that can do nothing else. You see each before it is sent.
rules-answer = See the answers
rule-with = With { $who }
rule-ended = Ended
rule-from = Who asks
rule-from-says = Tick the kinds of companies that the rule is about. None ticked: any company.
rule-anybody = Anybody
rule-for = What for
rule-for-says = Tick the purposes that the rule is about. None ticked: any purpose.
rule-about-data = Asks for
rule-templates = Under the template
rule-accepts = Agreed to
rule-asks = You are asked
rule-declines = Declined
rule-accepts-nothing = Nothing
rule-anything = Whatever they ask for, but nothing that the law wants asked separately
rule-outside = Everything else from them
rule-declines-others = Requests that no rule is about are declined.
rule-only = Nothing but { $data }
rule-never = Never { $data }
rule-never-fields = Never { $fields } of { $data }
rule-pays = At least { $pay }
rule-days = { $n ->
    [one] For one day at most
   *[other] For { $n } days at most
}
rule-kept = { $n ->
    [one] Deleted within one day
   *[other] Deleted within { $n } days
}
rule-uses = { $n ->
    [one] One use at most
   *[other] { $n } uses at most
}
rule-level = Personalisation up to level { $n }
rule-consents = Separate consents that may be given: { $consents }
rule-grants = { $n ->
    [0] Nothing was agreed to under it that still goes on
    [one] One connection was agreed to under it
   *[other] { $n } connections were agreed to under it
}
rule-grant = Connection { $n }
rule-end = End this rule
rule-proof = Check the proof yourself
rule-end-says = What was agreed to under it goes on until you stop it.
rule-new-with = A new rule with { $who }
rule-new-lead = Fill in what you care about, and leave the rest. Nothing is signed before you have seen what the rule would do.
rule-wrong = Nothing was tried. Expected: { $expected }.
rule-tried = What this rule would do
rule-tried-requests = With the requests you were sent
rule-tried-none = You were not sent any yet.
rule-tried-templates = With the most that each kind of request may ask for
rule-tried-templates-says = A request that asks for less may be agreed to although the widest is not.
rule-tried-no-templates = They have published none.
rule-verdict = What becomes of it
rule-stands = { $n ->
    [one] It stands for one day.
   *[other] It stands for { $n } days.
}
rule-not = Do not make it
rule-sign = Make this rule
rule-agent = On the next page your browser makes a key that can answer by this rule and do nothing else, and you sign the rule. For answers while you are away, give the key of a program of your own: grantbook mandate and grantbook agent.
rule-never-which = Never give any of
rule-consents-which = The law wants these asked separately
rule-consents-says = Tick what may be agreed to all the same. None ticked: you are asked.
rule-price = Least price of a use
rule-currency = Currency
rule-days-most = Days at most
rule-kept-most = Deleted within days
rule-uses-most = Uses at most
rule-stands-for = The rule stands for days
rule-try = Try it
rule-why-request = not what the rule is about
rule-why-vocabulary = in other words than the rule
rule-why-validity = for too long
rule-why-category = data that the rule does not name
rule-why-data = data that you never give
rule-why-price = pays too little
rule-why-retention = kept too long
rule-why-uses = too many uses
rule-why-level = too personal
rule-why-consents = needs a separate consent
rule-why-template = needs more than your signature
rule-why-licence = a licence, which only you give
rule-why-earlier = ends an earlier one
rule-why-birth-day = asks for your birth day

rule-wrong-many = fewer ticks, and each once
rule-wrong-word = words of the company’s vocabulary
rule-wrong-number = whole numbers of days and of uses, each at least 1
rule-wrong-stands = a rule that stands for 1 to 366 days
rule-wrong-price = a price such as 0.80, and a currency such as CNY
rule-wrong-refused = a rule that the ledger takes: within its bounds, in words of the company
