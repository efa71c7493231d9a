/** The version of this program: that of the release (package.json). */
export const VERSION = '0.1.0';
