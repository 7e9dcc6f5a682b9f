# 企业页面的用语：登录、提出请求。

company-sign-in = 企业登录
company-sign-in-lead = 供使用本账本的企业的工作人员登录。客户请改用通行密钥登录。
company-sign-in-refused = 此令牌无效或已被吊销。具体原因不予说明。
company-token = 访问令牌
company-token-says = 以 gbk_ 开头。用它换取本浏览器的一次会话：半小时没有操作即结束，最长八小时。浏览器不保存令牌。
company-no-token = 没有令牌？
company-no-token-says = 由运行本账本的人为贵企业生成，角色为 admin 或 service：
company-sign-out = 退出登录
fault-company-sign-in-says = 此页面属于企业。请用该企业的访问令牌登录后查看。
fault-not-a-company-says = 您是以客户身份登录的，而此页面属于企业。
