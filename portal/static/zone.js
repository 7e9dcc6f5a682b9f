// Tells the server how far this clock is ahead of UTC, so that the next page shows times by it.

const minutes = -new Date().getTimezoneOffset();
if (!document.cookie.split('; ').includes(`zone=${minutes}`)) {
  document.cookie = `zone=${minutes}; Path=/; Max-Age=31536000; SameSite=Lax`;
}
