package chat

import (
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"snug/store"
)

// route is one address of the API.
type route struct {
	method, path string
	access       access
	register     registration
}

type registration func(*Server, *fiber.App, route)

// The usual statuses of answers.
const done, created, none = http.StatusOK, http.StatusCreated, http.StatusNoContent

// routes is the whole API.
func routes() []route {
	return slices.Concat(serverRoutes(), peopleRoutes(), channelRoutes(), messageRoutes(), fileRoutes(), hookRoutes())
}

// serverRoutes are about the server and who runs it.
func serverRoutes() []route {
	return []route{
		{"GET", "/api/health", public, alsoAnswers(http.StatusServiceUnavailable,
			answers(fiber.MIMEApplicationJSON, raw("How the services are", done, (*Server).getHealth)))},
		{"GET", "/metrics", public, described("Who may is set by SNUG_METRICS: nobody (404), who sends the token of the metrics, or everybody.",
			refuses(answers(fiber.MIMETextPlain, raw("Metrics of services and chat, as Prometheus text", done, (*Server).showMetrics)), 401, 404))},
		{"GET", "/api/openapi.json", public, answers(openAPIType, raw("This description, for programs", done, (*Server).describeAPI))},
		{"GET", "/api/docs", public, answers(fiber.MIMETextHTML, raw("This description, for people", done, (*Server).showDocs))},
		{"GET", "/api/docs/page.css", public, answers("text/css", raw("How that page looks", done, (*Server).styleDocs))},

		{"GET", "/api/workspace", member, operation("How the workspace is", done, (*Server).getWorkspace)},
		{"PATCH", "/api/workspace", owner, described(workspaceDescription, operation("Change how the workspace is", done, (*Server).updateWorkspace))},
		{"GET", "/api/admin/audit", owner, operation("Who did what to whom, the newest first", done, (*Server).listAudit)},
		{"GET", "/api/admin/audit.csv", owner, described(auditCSVDescription, answers("text/csv", guarded("The audit log as CSV", done, (*Server).exportAudit)))},
		{"GET", "/api/admin/status", admin, operation("How the services are, with what only operators should see", done, (*Server).adminStatus)},
		{"POST", "/api/admin/services/{name}/restart", admin,
			described(restartDescription, refuses(alsoAnswers(http.StatusAccepted, operation("Restart a service", done, (*Server).restartService)), 409, 502))},
	}
}

// peopleRoutes are about accounts, logins and invites.
func peopleRoutes() []route {
	return []route{
		{"GET", "/api/setup", public, operation("Whether the instance is new", done, (*Server).getSetup)},
		{"POST", "/api/setup", public, refuses(operation("Begin a new instance: its owner and #general", created, (*Server).setup), 409)},
		{"POST", "/api/auth/login", public, refuses(operation("Log in", done, (*Server).login), 401, 429)},
		{"POST", "/api/auth/register", public, refuses(operation("Make an account with an invite", created, (*Server).register), 404, 409, 429)},
		{"GET", "/api/auth/invites/{code}", public, refuses(operation("What an invite is for", done, (*Server).getInvitation), 429)},
		{"POST", "/api/auth/reset", public, refuses(operation("Choose a new password with a code, and log in", done, (*Server).resetPassword), 404, 429)},
		{"POST", "/api/auth/logout", member, operation("Log out, here or everywhere, and close the logins' sockets", none, (*Server).logout)},

		{"GET", "/api/me", member, operation("Who is logged in", done, (*Server).getMe)},
		{"PATCH", "/api/me", member, operation("Change the profile", done, (*Server).updateMe)},
		{"POST", "/api/me/password", member, refuses(operation("Change the password, and end all other logins", none, (*Server).changePassword), 429)},
		{"GET", "/api/me/sessions", member, operation("My logins", done, (*Server).listSessions)},
		{"DELETE", "/api/me/sessions/{id}", member, operation("End one of my logins, and close its sockets", none, (*Server).deleteSession)},
		{"GET", "/api/users", member, operation("The users; for guests, those of their channels", done, (*Server).listUsers)},
		{"GET", "/api/users/{id}", member, operation("One of the users", done, (*Server).getUser)},
		{"PATCH", "/api/users/{id}", admin, described(changeUserDescription, refuses(operation("Change a role, deactivate or activate", done, (*Server).changeUser), 409))},
		{"POST", "/api/users/{id}/password-reset", admin,
			described(resetDescription, refuses(operation("Make a link for a new password", created, (*Server).beginReset), 409))},
		{"GET", "/api/invites", admin, operation("All invites", done, (*Server).listInvites)},
		{"POST", "/api/invites", admin, refuses(operation("Make an invite", created, (*Server).createInvite), 429)},
		{"DELETE", "/api/invites/{id}", admin, operation("Take an invite back", none, (*Server).deleteInvite)},
	}
}

// channelRoutes are about channels and who is in them.
func channelRoutes() []route {
	return []route{
		{"GET", "/api/channels", member, operation("My channels, or those that I could join", done, (*Server).listChannels)},
		{"POST", "/api/channels", notGuest, refuses(operation("Make a channel, with me in it", created, (*Server).createChannel), 409, 429)},
		{"GET", "/api/channels/{id}", member,
			described(lookDescription, operation("A channel that I may see", done, (*Server).getChannel))},
		{"PATCH", "/api/channels/{id}", member,
			described(changeDescription, refuses(operation("Change what a channel is called and about, or archive it", done, (*Server).updateChannel), 409))},
		{"DELETE", "/api/channels/{id}", member,
			described(deleteDescription, operation("Delete a channel and all that is in it", none, (*Server).deleteChannel))},
		{"PUT", "/api/channels/{id}/notify", member,
			described(notifyDescription, operation("Say what I want to hear of a channel", done, (*Server).setNotify))},
		{"POST", "/api/channels/{id}/join", member, operation("Join a public channel", done, (*Server).joinChannel)},
		{"POST", "/api/channels/{id}/leave", member,
			described(leaveDescription, operation("Leave a channel", none, (*Server).leaveChannel))},
		{"GET", "/api/channels/{id}/members", member, operation("Who is in a channel, by username", done, (*Server).listMembers)},
		{"POST", "/api/channels/{id}/members", member,
			described(bringDescription, operation("Bring users into a channel", done, (*Server).addMembers))},
		{"DELETE", "/api/channels/{id}/members", member,
			described(takeOutDescription, operation("Take users out of a channel", none, (*Server).removeMembers))},
		{"DELETE", "/api/channels/{id}/members/{user_id}", member, operation("Take a user out of a channel", none, (*Server).removeMember)},
		{"POST", "/api/dms", member,
			described(directDescription, refuses(alsoAnswers(done, operation("Open the direct conversation with users", created, (*Server).openDirect)), 429))},
		{"POST", "/api/channels/{id}/unread", member, operation("Mark as unread from a message on", done, (*Server).markUnread)},
		{"POST", "/api/channels/{id}/read", member, operation("Mark as read up to a message", done, (*Server).markRead)},
	}
}

// messageRoutes are about messages, and what is done to them.
func messageRoutes() []route {
	return []route{
		{"GET", "/api/channels/{id}/messages", member, operation("A page of messages, in rising seq", done, (*Server).listMessages)},
		{"POST", "/api/channels/{id}/messages", member, refuses(alsoAnswers(done, operation("Send a message", created, (*Server).sendMessage)), 409, 429)},
		{"GET", "/api/channels/{id}/pins", member, operation("The pinned messages of a channel", done, (*Server).listPins)},
		{"GET", "/api/messages/{id}", member, operation("One message", done, (*Server).getMessage)},
		{"PATCH", "/api/messages/{id}", member, refuses(operation("Edit a message of mine", done, (*Server).editMessage), 409)},
		{"DELETE", "/api/messages/{id}", member, operation("Delete a message: mine, or as an owner or admin anyone's", none, (*Server).deleteMessage)},
		{"GET", "/api/messages/{id}/history", member, operation("What a message said before it was edited", done, (*Server).listEdits)},
		{"GET", "/api/messages/{id}/thread", member, operation("A page of a thread, in rising seq", done, (*Server).getThread)},
		{"POST", "/api/messages/{id}/thread/read", member, operation("Mark a thread as read up to a reply", done, (*Server).markThreadRead)},
		{"PUT", "/api/messages/{id}/reactions/{emoji}", member, refuses(operation("Put an emoji under a message", none, (*Server).addReaction), 409)},
		{"DELETE", "/api/messages/{id}/reactions/{emoji}", member, operation("Take my emoji back", none, (*Server).removeReaction)},
		{"PUT", "/api/messages/{id}/pin", member, refuses(operation("Pin a message", none, (*Server).pinMessage), 409)},
		{"DELETE", "/api/messages/{id}/pin", member, operation("Unpin a message", none, (*Server).unpinMessage)},
		{"PUT", "/api/messages/{id}/save", member, refuses(operation("Put a message aside for me", none, (*Server).saveMessage), 409)},
		{"DELETE", "/api/messages/{id}/save", member, operation("Put it aside no more", none, (*Server).unsaveMessage)},
		{"GET", "/api/saved", member, operation("What I have put aside", done, (*Server).listSaves)},
		{"GET", "/api/search", member, described(searchDescription, operation("Search messages, the newest first", done, (*Server).search))},
		{"GET", "/api/mentions", member, described(mentionsDescription, operation("The messages that call me, the newest first", done, (*Server).listMentions))},
		{"GET", "/api/threads", member, operation("The threads that I started, replied in or was mentioned in", done, (*Server).listThreads)},
		{"GET", "/api/ws", member, raw("The WebSocket: live messages", http.StatusSwitchingProtocols, (*Server).openSocket)},
	}
}

// fileRoutes are about uploads.
func fileRoutes() []route {
	return []route{
		{"POST", "/api/files", member,
			described(uploadDescription, takingFile(answering[store.File](guarded("Upload a file for a message", created, (*Server).uploadFile))))},
		{"GET", "/api/files/{id}", member, described(openDescription,
			refuses(servesContent("*/*", guarded("The content of a file, or a range of it", done, (*Server).getFile)), 416))},
		{"GET", "/api/files/{id}/thumb", member,
			refuses(servesContent("image/*", guarded("A picture, small", done, (*Server).getThumb)), 416)},
		{"PUT", "/api/me/avatar", member,
			described(avatarDescription, takingFile(answering[store.User](guarded("Give me a picture", done, (*Server).setAvatar))))},
		{"DELETE", "/api/me/avatar", member, operation("Take my picture away", done, (*Server).deleteAvatar)},
		{"GET", "/api/users/{id}/avatar", member, servesContent("image/*", guarded("The picture of a user", done, (*Server).getAvatar))},
	}
}

// hookRoutes are about what programs send.
func hookRoutes() []route {
	return []route{
		{"GET", "/api/hooks", notGuest, described(listHooksDescription, operation("The webhooks of channels", done, (*Server).listHooks))},
		{"POST", "/api/hooks", notGuest, described(createHookDescription, refuses(operation("Make a webhook that sends to a channel", created, (*Server).createHook), 404, 409))},
		{"DELETE", "/api/hooks/{id}", notGuest, described(deleteHookDescription, operation("Delete a webhook", none, (*Server).deleteHook))},
		{"POST", "/hooks/{token}", public, described(postHookDescription, plainText(raw("Send a message as a program, as to Slack", done, (*Server).postHook)))},
	}
}
