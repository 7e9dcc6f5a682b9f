# Words of the data space.

nav-space = 数据空间
space-lead = 企业自己的系统里关于您的记录：沟通、合同条款和服务请求，原样抄送到这里。
space-empty = 这里还没有内容
space-empty-says = 企业接入系统后，您会在这里看到其中关于您的记录，以及内容新到什么时候。
space-freshness = 内容有多新
space-nothing-yet = 还没有收到任何内容。
space-none = 等待中
space-fresh = 最新
space-late = 滞后
space-as-of = 截至{ $time }，{ $minutes ->
    [0] 滞后不到 1 分钟。
   *[other] 滞后 { $minutes } 分钟。
}
space-promise = 承诺最多 { $minutes } 分钟。
space-late-says = 其中有些内容可能已经变了：企业系统超过承诺的时间没有送来更新。
space-filter-kind = 按类型
space-filter-company = 按企业
space-all-kinds = 全部
space-all-companies = 所有企业
space-interactions = 沟通记录
space-contract-terms = 合同条款
space-tickets = 服务请求
space-interaction = 沟通记录
space-contract-term = 合同条款
space-ticket = 服务请求
space-records = { $n ->
    [0] 没有记录
   *[other] { $n } 条记录
}
space-to-confirm = { $n ->
   *[other] { $n } 个里程碑等您确认
}
space-waiting = { $n ->
   *[other] { $n } 处修改等企业处理
}
space-says = 记录内容
space-says-nothing = 没有更多内容。
space-blank = 空白
space-change = 修改
space-new-value = 新的内容：{ $field }
space-change-says = 您的修改会发给{ $who }，由其在自己的系统里改好，或者说明为什么不改。在那之前，原来的内容不变。
space-send = 提交修改
space-wishes = 您的修改
wish-waiting = 等待中
wish-done = 已修改
wish-refused = 未修改
wish-made = 提交于{ $date }
wish-answered = 答复于{ $date }
space-milestones = 里程碑
space-milestones-say = 这些是企业说已经达成的。请只确认您亲自核实过的。
space-reached = 达成日期：{ $date }
space-confirm = 确认
space-confirm-says = 在下一页用您自己的密钥签名。确认会写入日志，不能收回。
space-confirmed = 确认于{ $date }
space-proof = 查验证明
