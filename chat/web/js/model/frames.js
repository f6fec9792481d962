/** What each frame of the server does to the workspace. */
const effects = {
  welcome(workspace, { channels, online }) {
    workspace.setChannels(channels);
    workspace.setOnline(online);
  },
  resumed(workspace) {
    workspace.resumed();
  },
  message(workspace, { message }) {
    workspace.receive(message);
  },
  ack(workspace, { message }) {
    workspace.receive(message);
  },
  error(workspace, frame) {
    if (frame.client_id) {
      workspace.outbox.refuse(frame.client_id, { ...frame, message: wholeMessage(frame) });
    } else {
      workspace.notice(frame.message);
    }
  },
  message_updated(workspace, { message }) {
    workspace.update(message);
  },
  message_deleted(workspace, { message }) {
    workspace.update(message);
  },
  reaction(workspace, { channel_id: channelId, message_id: messageId, reactions }) {
    workspace.setReactions(channelId, messageId, reactions);
  },
  gap(workspace, { channel_id: channelId, from, to }) {
    workspace.timelines.gap(channelId, from, to);
  },
  channel(workspace, { channel, channel_id: channelId, removed }) {
    if (removed) {
      workspace.removeChannel(channelId);
    } else {
      workspace.putChannel(channel);
    }
  },
  member(workspace, { channel_id: channelId, user, left }) {
    workspace.putUser(user);
    workspace.countMember(channelId, left ? -1 : 1);
  },
  user(workspace, { user }) {
    workspace.putUser(user);
  },
  typing(workspace, { channel_id: channelId, user_id: userId }) {
    workspace.startTyping(channelId, userId);
  },
  presence(workspace, { user_id: userId, online }) {
    workspace.setPresence(userId, online);
  },
  read(workspace, { channel_id: channelId, seq, unread, mentions }) {
    workspace.setRead(channelId, { read_seq: seq, unread, mentions });
  },
};

/** What is wrong with a message in one sentence: "The message must not be empty." */
function wholeMessage({ message, fields }) {
  return fields?.body ? `The message ${fields.body}.` : message;
}

/** Applies a frame; a type this client does not know is for newer ones. */
export function applyFrame(workspace, frame) {
  effects[frame.type]?.(workspace, frame);
}
