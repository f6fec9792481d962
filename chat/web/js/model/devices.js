const browsers = [["Firefox/", "Firefox"], ["Edg/", "Edge"], ["OPR/", "Opera"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
const systems = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS X", "macOS"], ["CrOS", "ChromeOS"], ["Linux", "Linux"]];

/** What a program that logged in is called, made from its User-Agent: "Firefox on Linux". */
export function deviceName(userAgent) {
  const [browser, system] = [browsers, systems].map((list) => list.find(([mark]) => userAgent.includes(mark))?.[1]);
  if (browser) {
    return system ? `${browser} on ${system}` : browser;
  }
  return userAgent.split(/[ /]/u)[0] || "Unknown program";
}
