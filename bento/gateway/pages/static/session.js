// What pages send to the API when they change something: the token that shows the request comes from our own page.
"use strict";
window.session = {
  headers() {
    const token = document.querySelector('meta[name="csrf-token"]')?.content;
    return token ? { "X-CSRF-Token": token } : {};
  },
};
