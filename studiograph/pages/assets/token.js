// The access token of this tab: kept while the tab lives, never in an address and never in a cookie that scripts can read.

const KEY = "studiograph.token";

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};
