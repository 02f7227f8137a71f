// Before anything is painted, so that a dark page does not flash white. A module would come too late.
try {
  const theme = localStorage.getItem("withthis.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // storage is forbidden here; the system's theme holds
}
