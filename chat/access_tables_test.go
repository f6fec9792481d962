package chat_test

// accessTable says who may what; access_test.go tells how to read it, and how to add to it.
var accessTable = []string{aboutNothing, aboutPeople, aboutLogins, aboutInvites, aboutCodes, aboutServices, aboutHooks, aboutTokens, aboutChannels, aboutMessages, aboutFiles, framesAboutNothing, framesAboutChannels}

// What is the same whatever there is.
const aboutNothing = `
                                        nothing
GET    /api/health                    0 yyyyy
GET    /metrics                       0 yyyyy
GET    /api/openapi.json              0 yyyyy
GET    /api/docs                      0 yyyyy
GET    /api/docs/page.css             0 yyyyy
GET    /api/setup                     2 yyyyy
POST   /api/setup                     0 ccccc  {"workspace": "x", "username": "x", "password": "12345678"}
POST   /api/auth/login                0 iiiii  {}
POST   /api/auth/register             0 iiiii  {}
POST   /api/auth/reset                0 iiiii  {}
POST   /api/auth/logout               2 lyyyy
GET    /api/me                        1 lyyyy
PATCH  /api/me                        2 lyyyy  {"title": "maker of tea"}
PUT    /api/me/avatar                 2 lyyyy  {form}
DELETE /api/me/avatar                 2 lyyyy
POST   /api/files                     9 lyyyy  {form}
POST   /api/me/password               0 liiii  {"old": "x", "new": "short"}
GET    /api/me/sessions               2 lyyyy
GET    /api/users                     2 lyyyy
GET    /api/invites                   2 lnnyy
POST   /api/invites                   6 lnnyy  {}
POST   /api/invites                   6 lnnny  {"role": "admin"}
POST   /api/invites                   0 lnnii  {"role": "owner"}
GET    /api/channels                  2 lyyyy
GET    /api/channels?browse=1         2 lyyyy
POST   /api/channels                  6 lnyyy  {"name": "new-{short}"}
GET    /api/hooks                     2 lnyyy
GET    /api/saved                     2 lyyyy
GET    /api/mentions                  2 lyyyy
GET    /api/threads                   3 lyyyy
GET    /api/search?q=hello           13 lyyyy
GET    /api/search                    0 liiii
GET    /api/workspace                 2 lyyyy
PATCH  /api/workspace                 6 lnnny  {"search_language": "simple"}
GET    /api/ws                        0 luuuu
GET    /api/admin/audit               2 lnnny
GET    /api/admin/audit.csv           2 lnnny
GET    /api/admin/status              1 lnnyy
`

// Unseen is who is in no channel that the guest is in.
const aboutPeople = `
                                        me    owner admin member guest gone  unseen
GET    /api/users/{id}                2 lyyyy lyyyy lyyyy lyyyy  lyyyy lyyyy lhyyy
PATCH  /api/users/{id}                8 lnnny lnnny lnnny lnnyy  lnnyy lnnyy lnnyy   {"active": false}
PATCH  /api/users/{id}                8 lnnny lnnny lnnny lnnyy  lnnyy lnnyy lnnyy   {"role": "guest"}
PATCH  /api/users/{id}                8 lnnny lnnny lnnny lnnny  lnnny lnnny lnnny   {"role": "admin"}
PATCH  /api/users/{id}                8 lnnny lnnny lnnny lnnny  lnnny lnnny lnnny   {"role": "owner"}
POST   /api/users/{id}/password-reset 6 lnnny lnnny lnnny lnnyy  lnnyy lnncc lnnyy
POST   /api/dms                       8 lyyyy lyyyy lyyyy lyyyy  lyyyy liiii liyyy   {"user_ids": ["{id}"]}
GET    /api/users/{id}/avatar         2 lyyyy lyyyy lyyyy lyyyy  lyyyy lyyyy lhyyy
`

const aboutLogins = `
                                        my-session their-session
DELETE /api/me/sessions/{id}          5 lyyyy      lhhhh
`

const aboutInvites = `
                                        invite
DELETE /api/invites/{id}              5 lnnyy
`

const aboutCodes = `
                                        code
GET    /api/auth/invites/{code}       1 yyyyy
`

const aboutServices = `
                                            service
POST   /api/admin/services/{name}/restart 2 lnnyy
`

// Their-hook is in a channel of who asks, closed-hook in a private one of others.
const aboutHooks = `
                                      my-hook their-hook closed-hook
DELETE /api/hooks/{id}              6 lnyyy   lnnyy      lnhyy
`

const aboutTokens = `
                                      hook-token
POST   /hooks/{token}               4 yyyyy  {"text": "hello"}
`

// Mine is public and made by who asks; open is public, and who asks is not in it; closed is a private one of others, and
// others a direct conversation of others. Who asks is in all the rest.
const aboutChannels = `
                                                   mine  joined open  private closed direct others archived general
GET    /api/channels/{id}                        3 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy
PATCH  /api/channels/{id}                        8 lyyyy lyyyy  lhnnn lyyyy   lhhhh  lnnnn  lhhhh  lnnnn    lhyyy   {"topic": "tea"}
PATCH  /api/channels/{id}                        8 lnyyy lnnyy  lhnyy lnnyy   lhhhh  lnnnn  lhhhh  lnnnn    lhnyy   {"name": "new-{short}"}
PATCH  /api/channels/{id}                        8 lnyyy lnnyy  lhnyy lnnyy   lhhhh  lnnnn  lhhhh  lnnyy    lhnnn   {"archived": true}
PATCH  /api/channels/{id}                       10 lnyyy lnnyy  lhnyy lnnyy   lhhhh  lnnnn  lhhhh  lnnyy    lhnyy   {"archived": false}
DELETE /api/channels/{id}                        7 lnyyy lnnyy  lhnyy lnnyy   lhhhh  lnnnn  lhhhh  lnnyy    lhnnn
PUT    /api/channels/{id}/notify                 3 lyyyy lyyyy  lhhhh lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy   {"level": "none"}
POST   /api/channels/{id}/join                   8 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy
POST   /api/channels/{id}/leave                  7 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lnnnn  lhhhh  lyyyy    lhnnn
GET    /api/channels/{id}/members                3 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy
POST   /api/channels/{id}/members                9 lnyyy lnyyy  lhnnn lnyyy   lhhhh  lnnnn  lhhhh  lnnnn    lhyyy   {"user_ids": ["{outsider}"]}
DELETE /api/channels/{id}/members                7 lnyyy lnnyy  lhnyy lnnyy   lhhhh  lnnnn  lhhhh  lnnyy    lhnyy   {"user_ids": ["{extra}"]}
DELETE /api/channels/{id}/members                7 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lnnnn  lhhhh  lyyyy    lhnnn   {"user_ids": ["{me}"]}
DELETE /api/channels/{id}/members/{user_id}      7 lnyyy lnnyy  lhnyy lnnyy   lhhhh  lnnnn  lhhhh  lnnyy    lhnyy
POST   /api/channels/{id}/read                   3 lyyyy lyyyy  lhhhh lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy   {"seq": 1}
POST   /api/channels/{id}/unread                 3 lyyyy lyyyy  lhhhh lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy   {"seq": 1}
GET    /api/channels/{id}/pins                   3 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy
GET    /api/channels/{id}/messages               3 lyyyy lyyyy  lhyyy lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy
POST   /api/channels/{id}/messages               4 lyyyy lyyyy  lhnnn lyyyy   lhhhh  lyyyy  lhhhh  lnnnn    lhyyy   {"client_id": "{new}", "body": "hello"}
POST   /api/hooks                                7 lnyyy lnyyy  lnnnn lnyyy   lnhhh  lnnnn  lnhhh  lnnnn    lnyyy   {"channel_id": "{id}", "name": "CI"}
POST   /api/invites                              7 lnnyy lnnyy  lnnyy lnnyy   lnnii  lnnii  lnnii  lnnii    lnnyy   {"channels": ["{id}"]}
`

// Own is a message of who asks, in a channel that they are in, and theirs is one beside it of somebody else. In-open is
// in a public channel that who asks is not in, and own-left of theirs there. Of private channels, who asks is in none, or
// not any more: own-expelled. In-direct is somebody else's to who asks, and in-others to somebody else.
const aboutMessages = `
                                                      own   theirs in-open own-left in-closed own-expelled in-direct in-others own-archived
GET    /api/messages/{id}                           2 lyyyy lyyyy  lhyyy   lhyyy    lhhhh     lhhhh        lyyyy     lhhhh     lyyyy
PATCH  /api/messages/{id}                           8 lyyyy lnnnn  lhnnn   lhnnn    lhhhh     lhhhh        lnnnn     lhhhh     lnnnn   {"body": "bye"}
DELETE /api/messages/{id}                           9 lyyyy lnnyy  lhnnn   lhnnn    lhhhh     lhhhh        lnnyy     lhhhh     lnnnn
GET    /api/messages/{id}/history                   3 lyyyy lyyyy  lhyyy   lhyyy    lhhhh     lhhhh        lyyyy     lhhhh     lyyyy
GET    /api/messages/{id}/thread                    4 lyyyy lyyyy  lhyyy   lhyyy    lhhhh     lhhhh        lyyyy     lhhhh     lyyyy
POST   /api/messages/{id}/thread/read               3 lyyyy lyyyy  lhyyy   lhyyy    lhhhh     lhhhh        lyyyy     lhhhh     lyyyy   {"seq": 1}
PUT    /api/messages/{id}/reactions/{emoji}        10 lyyyy lyyyy  lhnnn   lhnnn    lhhhh     lhhhh        lyyyy     lhhhh     lnnnn
DELETE /api/messages/{id}/reactions/{emoji}         8 lyyyy lyyyy  lhnnn   lhnnn    lhhhh     lhhhh        lyyyy     lhhhh     lnnnn
PUT    /api/messages/{id}/pin                       9 lyyyy lyyyy  lhnnn   lhnnn    lhhhh     lhhhh        lyyyy     lhhhh     lnnnn
DELETE /api/messages/{id}/pin                       7 lyyyy lyyyy  lhnnn   lhnnn    lhhhh     lhhhh        lyyyy     lhhhh     lnnnn
PUT    /api/messages/{id}/save                      3 lyyyy lyyyy  lhyyy   lhyyy    lhhhh     lhhhh        lyyyy     lhhhh     lyyyy
DELETE /api/messages/{id}/save                      2 lyyyy lyyyy  lyyyy   lyyyy    lyyyy     lyyyy        lyyyy     lyyyy     lyyyy
POST   /api/channels/{lobby}/messages               0 liiii liiii  liiii   liiii    liiii     liiii        liiii     liiii     liiii   {"client_id": "{new}", "body": "a reply to what is elsewhere", "parent_id": "{id}"}
`

// My-file and their-file are in no message yet; the others are those of somebody else's messages, in channels as above.
const aboutFiles = `
                                                      my-file their-file file-joined file-open file-closed file-direct file-others
GET    /api/files/{id}                              2 lyyyy   lhhhh      lyyyy       lhyyy     lhhhh       lyyyy       lhhhh
GET    /api/files/{id}/thumb                        2 lyyyy   lhhhh      lyyyy       lhyyy     lhhhh       lyyyy       lhhhh
POST   /api/channels/{lobby}/messages               4 lyyyy   liiii      liiii       liiii     liiii       liiii       liiii   {"client_id": "{new}", "file_ids": ["{id}"]}
`

const framesAboutNothing = `
               nothing
frame  ping  0 lyyyy
`

const framesAboutChannels = `
                 mine  joined open  private closed direct others archived general
frame  hello   8 lyyyy lyyyy  lssss lyyyy   lssss  lyyyy  lssss  lyyyy    lsyyy   {"resume": {"{id}": 0}}
frame  send    3 lyyyy lyyyy  lhnnn lyyyy   lhhhh  lyyyy  lhhhh  lnnnn    lhyyy   {"channel_id": "{id}", "client_id": "{new}", "body": "hello"}
frame  typing  0 lyyyy lyyyy  lssss lyyyy   lssss  lyyyy  lssss  lyyyy    lsyyy   {"channel_id": "{id}"}
frame  read    2 lyyyy lyyyy  lhhhh lyyyy   lhhhh  lyyyy  lhhhh  lyyyy    lhyyy   {"channel_id": "{id}", "seq": 1}
`
