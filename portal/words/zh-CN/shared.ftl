# Words of every page: the frame, facts of an agreement, money, faults.

product = Grantbook 授权账本
skip = 跳到正文
other-language = English
sandbox-mark = 沙盒
sandbox-says = 这里一切都是虚构的，请勿放入真实数据。
foot = 每一次授权、撤回和使用，都会记入一本只增不改的公开日志。日志里没有姓名，也没有金额。
foot-zone = 时间均为 { $zone }
foot-log = 查验日志

nav-main = 主导航
nav-overview = 概览
nav-log = 公开日志
nav-bundle = 验证证明
nav-receipt = 查验回执
nav-home = 首页
nav-connections = 数据授权
nav-value = 使用与收益
nav-account = 账户
nav-complaints = 投诉
nav-desk = 概览
nav-requests = 请求
nav-grants = 授权
nav-uses = 使用
nav-gates = 网关
nav-settlement = 结算

fact-recipient = 谁来用
fact-purpose = 用来做什么
fact-data = 用哪些数据
fact-left-out = 不包括
fact-validity = 用多久
fact-uses = 用几次
fact-kept = 保留多久
fact-level = 个性化程度
fact-duties = 对方必须
fact-consents = 单独同意
consent-automated-decision = 无人参与的自动化决策
consent-cross-border = 数据出境
consent-derived-asset = 用您的数据形成新的产品
consent-public-disclosure = 向所有人公开您的数据
consent-sensitive = 敏感个人信息
consent-special = 特殊类别的个人数据
consent-third-party = 向其他企业提供您的数据
law-data-act = 欧盟《数据法》
law-dpdp = 印度《数字个人数据保护法》
law-gdpr = 欧盟《通用数据保护条例》
law-pipl = 《个人信息保护法》
law-article = { $law }第 { $article } 条
fact-pay = 您得到什么
on-behalf = （经由{ $controller }）
field-count = { $n } 项
cluster-whole = 包括这类数据的全部项目，以后新增的也算在内。
cluster-fields = { $name }：{ $fields }
cluster-period = { $name }（{ $period }）
cluster-only = { $name }（{ $condition }）
only-rows = 仅限 { $attribute } 为 { $values } 的记录
data-period = { $from }至{ $to }
validity = { $from }至{ $until }
uses-max = 最多 { $uses } 次
uses-unlimited = 不限次数
uses-rate = { $time }内不超过 { $uses } 次
uses-both = { $uses }，{ $rate }
time-days = { $n } 天
time-hours = { $n } 小时
time-minutes = { $n } 分钟
time-seconds = { $n } 秒
kept-days = { $days ->
    [0] 使用当天删除
   *[other] 每次使用后 { $days } 天内删除
}
kept-unlimited = 未设期限
level = 不超过 { $level } 级（共 4 级）
duty-mask = 隐去：{ $fields }
duty-keep = 只取：{ $fields }
duty-coarsen = 把{ $field }模糊到：{ $to }
duty-delete = { $days ->
    [0] 使用当天删除所取的数据
   *[other] { $days } 天内删除所取的数据
}
duty-mark = 转交时加上标记：{ $label }
duty-audit-only = 只给审计人员看：{ $fields }
duty-tell = 每次使用都告知{ $party }
pay-nothing = 没有报酬
pay-once = { $price }，一次付清
pay-each-use = 每次使用 { $price }
pay-each-use-from = 每次使用 { $price } 起
pay-share = 所得收入的 { $share }，按使用次数分配
pay-share-from = 所得收入的 { $share } 起，按使用次数分配
pay-benefit = { $what }
pay-at-most = 最多 { $amount }（{ $formula }）
pay-step-uses = 每期第 { $from } 次起：每次 { $price }
pay-step-share = 超过 { $above } 的部分：{ $share }
pay-minimum = 有使用的一期至少 { $amount }
pay-maximum = 每期最多 { $amount }
formula-once = 同意时一次付清
formula-tiers = { $uses } 次，按档计：{ $worth }
formula-reversed = 冲回第 { $entry } 条记录
formula-reversed-use = 冲回一次使用
money-none = 暂无

standing-active = 生效中
standing-paused = 已暂停
standing-not-started = 未开始
standing-expired = 已到期
standing-superseded = 已被取代
standing-withdrawn = 您已停止
standing-revoked = 对方已终止
days-left = { $days ->
    [0] 已结束
   *[other] 还剩 { $days } 天
}

date = 日期
month = 月份
uses = 使用次数
amount = 金额
formula = 怎么算的
state = 状态
company = 企业
choose = 请选择…

diff-caption = 有哪些不同
diff-fact = 内容
diff-before = 原来
diff-after = 现在
diff-nothing = 无

check-title = 自己查验
check-lead = 由您自己的浏览器来查：这条记录是否在公开日志里、是否有签名、内容是否与您看到的一致。不会发送任何信息。
check-now = 开始查验
check-download = 保存回执
check-file = 回执文件
check-keys = 日志的公钥（用您自己留存的）
check-keys-says = 即 /log/vkey 的各行。留空则向本服务器索取，那样一切都以它的说法为准。
check-noscript = 查验在您的浏览器里进行，需要 JavaScript。没有的话，请保存回执后运行：grantbook verify
check-not = 证明只能说明记下了什么、之后有没有改动，不能说明企业说的是真话。
check-working = 正在查验……
check-good = 全部成立
check-bad = 不成立
check-step-log = 日志的当前状态由它自己的密钥签名
check-step-included = 这条记录在日志里
check-step-digest = 日志里记的正是这份内容
check-step-signed = 内容有有效签名
check-step-batch = 所在批次由网关签名
check-step-committed = 每个隐藏的数值都与您看到的一致
check-step-keys-served = 公钥由本服务器提供，请与您自己留存的核对。
check-step-keys-own = 公钥是您自己留存的
check-signed-when = 签名时间
check-committed-value = 隐藏的数值
check-offline = 连不上服务器。回执仍可查验：请先把它保存下来。

fault-home = 回到首页
fault-not-found = 这里什么也没有
fault-not-found-says = 这个地址没有内容，或者不是您的内容。
fault-erased = 已删除
fault-erased-says = 这里的内容已永久删除。日志里还留着它的位置，但谁也读不出来了。
fault-sign-in = 请先登录
fault-sign-in-says = 这个页面只给您本人看，请用通行密钥登录。
sign-in = 登录
fault-not-yours = 您不能查看
fault-not-yours-says = 您已登录，但这个页面是给别人的。
fault-unavailable = 暂时打不开
fault-unavailable-says = 账本暂时无法读取，数据都在。在此期间，联系不上账本的网关会拒绝一切使用。
fault-no-key = 这台设备上没有密钥
fault-no-key-says = 签名要用您另一台设备上的密钥。凭恢复码可以把这台设备也加进来。停止授权不需要密钥。
