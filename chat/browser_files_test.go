package chat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"snug/chat/chattest"
)

// pictureFiles writes files to be chosen.
func pictureFiles(t *testing.T, contents map[string]string) map[string]string {
	t.Helper()
	folder, paths := t.TempDir(), map[string]string{}
	for name, content := range contents {
		paths[name] = filepath.Join(folder, name)
		if err := os.WriteFile(paths[name], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// dropFile drops or pastes a text file onto what the selector names.
const dropFile = `((selector, type, name, content) => {
	const data = new DataTransfer();
	data.items.add(new File([content], name, { type: "text/plain" }));
	const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
	const Kind = type === "paste" ? ClipboardEvent : DragEvent;
	return !document.querySelector(selector).dispatchEvent(new Kind(type, options));
})`

// Files are chosen, dropped and pasted, seen on their way, taken out again, and sent; others see pictures, and names of the rest.
func TestFilesInTheBrowser(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	people := converse(t, server)
	mia, jon := people[0], people[1]
	p := browse(t, "mia")
	p.signIn(server.URL, mia.Username)
	p.waitFor(".message-body", "the good bread")
	paths := pictureFiles(t, map[string]string{"garden.png": pngOf(1200, 800), "plan <b>.pdf": "%PDF-1.4\n", "wrong.txt": "wrong"})

	p.do("choose files", chromedp.SetUploadFiles("message-composer input[type=file]", []string{paths["garden.png"], paths["plan <b>.pdf"], paths["wrong.txt"]}))
	p.waitFor("composer-files .file-chip-name", "plan <b>.pdf")
	p.wait(`document.querySelectorAll("composer-files .file-chip").length === 3`)
	p.click(`composer-files [aria-label="Remove wrong.txt"]`)
	if !ask[bool](p, dropFile+`("message-list", "drop", "dropped.txt", "one")`) || !ask[bool](p, dropFile+`("message-composer textarea", "paste", "pasted.txt", "two")`) {
		t.Error("a file that is dropped or pasted is left to the browser")
	}
	p.wait(`document.querySelectorAll("composer-files .file-chip").length === 4`)
	p.wait(`document.querySelectorAll("composer-files progress:not([hidden])").length === 0`)
	p.shoot("composer-files-desk-light")
	p.say("look")
	p.waitFor(".message-files .file-chip-name", "pasted.txt")
	p.wait(allStored)
	p.wait(`document.querySelector("composer-files").hidden`)
	if m := jon.lastMessage(jon.general()); m.Body != "look" || len(m.Files) != 4 || m.Files[0].Name != "garden.png" || m.Files[3].Name != "pasted.txt" {
		t.Errorf("stored: %+v", m)
	}
	// The place of a picture is there before it is, and shown is the small one.
	picture := ask[map[string]any](p, `(() => {
		const img = document.querySelector(".message-picture img");
		return { width: img.width, height: img.height, small: img.src.endsWith("/thumb"), whole: !img.closest("a").href.endsWith("/thumb"), alt: img.alt };
	})()`)
	if picture["width"] != 360.0 || picture["height"] != 240.0 || picture["small"] != true || picture["whole"] != true || picture["alt"] != "garden.png" {
		t.Errorf("the picture is shown as %v", picture)
	}
	p.wait(`document.querySelector(".message-picture img").naturalWidth === 720`)

	// Only files, by somebody else, live; and in a thread.
	jon.sendFiles(jon.general(), jon.upload("cat.png", pngOf(300, 300)))
	p.wait(`document.querySelectorAll(".message-picture").length === 2`)
	jon.reply(jon.lastMessage(jon.general()), "a cat")
	p.click(".message:last-child .message-replies")
	p.waitFor("thread-panel .message-body", "a cat")
	p.do("choose a file", chromedp.SetUploadFiles("thread-panel input[type=file]", []string{paths["wrong.txt"]}))
	p.waitFor("thread-panel composer-files .file-chip-name", "wrong.txt")
	p.click(`thread-panel [aria-label="Send message"]`)
	p.waitFor("thread-panel .message-files", "wrong.txt")
	p.wait(allStored)
	p.click(`thread-panel [aria-label="Close thread"]`)

	p.profile(paths["garden.png"])
	p.everyLook("files")
}

// profile gives oneself a picture, a name and a status, which are seen at once.
func (p *page) profile(picture string) {
	p.t.Helper()
	p.click(".sidebar-me")
	p.waitFor("#profile-title", "Your profile")
	p.do("choose a picture", chromedp.SetUploadFiles("profile-dialog input[type=file]", []string{picture}))
	p.wait(`document.querySelector(".profile-picture img")?.naturalWidth === 256`)
	p.wait(`(document.getElementById("profile-name").select(), true)`)
	p.keys("Mia Ö.")
	p.fill("profile-emoji", "🌿")
	p.fill("profile-status", "in the garden")
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(scheme)
		p.shoot("profile-desk-" + scheme)
	}
	p.click("profile-dialog .button-primary")
	p.waitFor(".sidebar-me", "in the garden")
	p.waitFor(".sidebar-person", "Mia Ö. (you) 🌿")
	p.wait(`document.querySelector(".message .avatar img")?.naturalWidth === 256`)
	p.wait(`Array.from(document.querySelectorAll(".message-author")).some((name) => name.textContent === "Mia Ö.")`)
}
