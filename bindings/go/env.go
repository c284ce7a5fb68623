package larder

import "net/url"

// Env is the configuration that variables of the environment say, as a text for [Open]: profile is "ocis" or
// "opencloud", whose variables it reads in their own precedence, or "larder" for LARDER_STORE, LARDER_<NAME>_STORE and
// their settings; service is the cache or store that is meant. Its store is called [DefaultStore].
//
//	cache, err := larder.Open(ctx, larder.Env("ocis", "STORAGE_USERS_FILEMETADATA_CACHE"))
//
// With an empty service it is all services of the profile, each a store of that name. The variables are read when the
// larder is opened; a malformed one makes Open fail with [ErrConfig] and an error that names it. The command
// `larder config services` lists what a profile knows.
func Env(profile, service string) string {
	address := "env://" + url.PathEscape(profile)
	if service == "" {
		return address
	}
	return address + "/" + url.PathEscape(service)
}
